"""What the relay costs: `./run bench` compares it, in one run on one machine, with the plain way and with the floor.

Numbers of one machine say little, and of a busy one nothing; so the report begins with ratios of figures that
were measured minutes apart. Nothing here passes or fails: counts that must hold are tested in
tests/test_statement_counts.py.

    parts      the servers and processes of a run, each ended with it
    index      the index that is called: the stub, which answers at once so that it is never the yardstick
    database   an outbox full of bookings, and what the server counts
    relayed    workers and beat for real: rate, SQL, log, delay, idleness, memory
    plain      the plain way: a Celery task and a zeep call for each row
    floor      the relay's own SQL and messages, recorded once and played again without any of its thoughts
    revision   another revision of the program, checked out and installed
    against    this program and that one by turns
    report     the table
"""
