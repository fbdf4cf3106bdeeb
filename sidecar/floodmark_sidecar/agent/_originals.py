"""The real blocking calls, and the real `threading.local`, kept before a service may replace them by cooperative ones.

gevent and eventlet patch these names in place, some of them in the modules of the interpreter itself. The agent's thread
is a real one with no event loop, and a fork hook must not switch to another greenlet.
"""

import _thread
import os
import select
import socket
import time

Local = _thread._local  # noqa: SLF001  `threading.local`, without the weight of `threading`
Socket = socket.socket
get_ident = _thread.get_ident
poll = select.poll
sleep = time.sleep
start_new_thread = _thread.start_new_thread
waitpid = os.waitpid
