"""Getting connected: what the region's process asks for (R-50 to R-54), written from the configuration, from what has
happened, and from what people say of it. What goes to a Swedish authority is in Swedish.

    process    the steps, as they are published    steps, gate   how far they are; what speaks against an order
    letter     a mail                              units, inbox, ntjp   the orders
    rehearsal  the script in QA and its judgement            document, protocol, declaration   papers
    look       what is known, read from the database
"""
