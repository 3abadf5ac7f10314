#!/bin/sh
# python-stdnum 2.2, stdnum.se.personnummer: compact() does not give one person one spelling.
#
# Expected: compact() takes separators out, as it does for other numbers, so that equal numbers become equal texts.
# Behaviour: it puts a separator in, keeps the century or not, as it came. The same person has three compact forms, and a
# table or an index that is keyed by them holds the person three times. A number without a century is read as the
# latest possible year, so a person of over a hundred becomes another person unless the "+" is there.
# Remedy: make twelve digits of it yourself, from the birth date that the library gives.
# Output seen: the text that expect is given, below.
. "$(dirname "$0")/common.sh"
packages python-stdnum==2.2
"$python" - <<'PYTHON' | expect "191212121212 -> 19121212-1212, born 1912-12-12
19121212-1212 -> 19121212-1212, born 1912-12-12
121212+1212 -> 121212+1212, born 1912-12-12
121212-1212 -> 121212-1212, born 2012-12-12"
from stdnum.se import personnummer
for number in ("191212121212", "19121212-1212", "121212+1212", "121212-1212"):
    print(f"{number} -> {personnummer.compact(number)}, born {personnummer.get_birth_date(number)}")
PYTHON
