"""An Engagemangsindex to practise on: it takes, refuses, delays and loses posts as the real one does.

    server   HTTP and threads        api, page   JSON and a web page
      └─ core   one call's three moments
           ├─ soap, answers    the wire format, read and written
           ├─ index            what is held; validation, collector: what is taken, and what gets lost
           ├─ orders           answers ordered ahead
           └─ referee          breaches of the sender's rules; breaches: those one call shows by itself

It shares nothing with the part of the relay that writes messages, so that it can find that part wrong.
"""
