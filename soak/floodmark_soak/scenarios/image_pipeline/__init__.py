"""An image analysis service with four maps, ported from a Go plugin that ran out of memory.

Images arrive over HTTP. An event listener hears of some, a scanner finds the rest in the input folder, a scheduler has
them analysed and moved to an archive in the background. The `leaky` variant keeps its maps as the plugin did, cleaning
none; the `bounded` variant differs from it in `bounded.py` alone.

It needs Starlette and uvicorn; the bounded variant also needs floodmark_caches.
"""
