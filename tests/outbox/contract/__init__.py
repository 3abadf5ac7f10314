"""What every database that can hold an outbox must do alike: one suite, run on each that can be had."""
