"""Schedules as people and their mistakes write them: five fields of numbers, names, ranges and steps, right and wrong."""

from __future__ import annotations

from hypothesis import strategies as st

NUMBERS = st.integers(0, 62).map(str) | st.sampled_from(
    ("00", "07", "JAN", "feb", "DEC", "SUN", "mon", "SAT", "*", "", "L")
)
ENTRIES = st.one_of(
    NUMBERS,
    st.builds("{}-{}".format, NUMBERS, NUMBERS),
    st.builds("{}/{}".format, NUMBERS, NUMBERS),
    st.builds("{}-{}/{}".format, NUMBERS, NUMBERS, NUMBERS),
    st.builds("{}#{}".format, NUMBERS, st.integers(0, 6)),
    st.builds("{}L".format, NUMBERS),
    st.sampled_from(("L", "LW", "*/2", "30", "31", "30-31", "2-6/2", "4/5", "2/11", "1JAN", "FRIL")),
)
LISTS = st.lists(ENTRIES, min_size=1, max_size=3).map(",".join)
LIKELY = (
    st.sampled_from(("0", "*/15", "1-5/2")),
    st.sampled_from(("3", "*", "*/4")),
    st.sampled_from(("30", "31", "30,31", "30-31", "31/2", "*", "1", "L")),
    st.sampled_from(("2", "4,6", "2-2", "4/5", "2/11", "2-6/2", "FEB", "*", "4/3", "1-12", "SEP")),
    st.sampled_from(("*", "1", "*/2", "MON-FRI", "FRI#1", "5L")),
)
SCHEDULES = st.tuples(*(likely | LISTS for likely in LIKELY)).map(" ".join)
"""Many of them say a day that never comes, or comes seldom."""
