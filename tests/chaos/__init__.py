"""Chaos: the whole relay in real processes on a bad day, and whether all is well after it.

    stage             servers, a proxy on every way between them, two workers, two beats, a practice index
    booking_systems   three of them, writing random bookings all the while, and the canaries
    bad_answers       what the index says instead of the truth, on three calls in ten
    troubles          one function for each kind of trouble: it comes, stays a while, and ends
    day               the story: trouble after trouble, then peace; what was found stands in the findings
    judge             which findings are breaks, and which the one gap no lease can close
    report            the table

Everything random comes from one seed, printed first; how threads and processes take turns does not, so a seed
repeats the troubles and the bookings, not the microseconds.
"""
