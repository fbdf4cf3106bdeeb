"""The real blocking calls, kept before a service may replace them by cooperative ones that need an event loop.

gevent and eventlet patch these names in place, some of them in the modules of the interpreter itself. The agent's thread
is a real one with no event loop, and a fork hook must not switch to another greenlet.
"""

import _thread
import os
import select
import socket
import time

Socket = socket.socket
get_ident = _thread.get_ident
poll = select.poll
sleep = time.sleep
start_new_thread = _thread.start_new_thread
waitpid = os.waitpid
