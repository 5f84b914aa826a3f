"""K1 on croniter: see schedules.lua. One start instead of 20, as it is slow."""
import datetime
import os
import time
from zoneinfo import ZoneInfo

from croniter import croniter

with open(os.path.join(os.path.dirname(__file__), "schedules.txt")) as file:
    zones, *texts = file.read().splitlines()

begin = time.perf_counter()
count = 0
for zone in zones.split():
    start = datetime.datetime.fromtimestamp(1767225600, ZoneInfo(zone))
    for text in texts:
        croniter(text, start).get_next(datetime.datetime)
        count += 1
print("next_ns", (time.perf_counter() - begin) * 1e9 / count)
