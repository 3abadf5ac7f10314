"""The peers: what a team would write that does not take the relay, each on the same rows against the same sandbox.

    sending             what all of them do alike: a row as a post, a zeep client, the mark
    batch_script        a script that runs every so often: a SELECT, a call of up to 1000, an UPDATE
    procrastinate_app   a job for each row on procrastinate's queue in PostgreSQL, with its lock or eight at once
    faststream_app      a Redis stream of row numbers, read in batches by a consumer group
    workload            the rows: a backlog of bookings, then changes of them; and what the index should hold then
    measure             one after the other, and what each of them did

The plain way with Celery is `tests.bench.plain_app`. Those that need packages of their own get an environment of their
own from `requirements`, whose versions are pinned there.
"""
