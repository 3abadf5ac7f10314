"""An Engagemangsindex to practise on: it takes, refuses, delays and loses posts as the real one does.

    server, body   HTTP and threads        api, page, verbs   JSON, a web page, and what can be made to happen
      └─ core   one call's three moments
           ├─ door      before the index looks: platform, envelope; lenient as the index reads, soap as the schema does
           ├─ index     validation, dates: what is taken
           │    └─ backend   what becomes of it: collector, queue, table, and what is lost on the way
           ├─ accidents        what can befall the index and the platform
           ├─ answers, orders  what is said, and what is ordered ahead
           └─ referee          breaches of the sender's rules; breaches: those one call shows by itself; observations

It shares nothing with the part of the relay that writes messages, so that it can find that part wrong.
"""
