#!/bin/sh
# python-stdnum 2.2, stdnum.se.personnummer: a coordination number is not valid, and there is no module for it.
#
# Expected: an identity check for Swedish residents takes samordningsnummer too (the day of birth plus 60, the same
# check digit): people who live here without being registered have one, and care units book them by it.
# Behaviour: is_valid() is False and validate() raises InvalidComponent, as for a mistyped number.
# Remedy: take 60 from a day above 60 before the date is checked; the check digit is of the number as it stands.
# The numbers are made up: the official test identity's date with 60 added, and its own check digit.
# Output seen: the text that expect is given, below.
. "$(dirname "$0")/common.sh"
packages python-stdnum==2.2
"$python" - <<'PYTHON' | expect "191212121212: valid
191212721219, check digit right: True: InvalidComponent"
from stdnum import luhn
from stdnum.exceptions import ValidationError
from stdnum.se import personnummer

personnummer.validate("191212121212")
print("191212121212: valid")
coordination = "191212721219"
try:
    personnummer.validate(coordination)
    print(f"{coordination}: valid")
except ValidationError as error:
    print(f"{coordination}, check digit right: {luhn.is_valid(coordination[2:])}: {type(error).__name__}")
PYTHON
