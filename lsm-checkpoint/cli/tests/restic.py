#!/usr/bin/env python3
"""Records which snapshots `restic forget --dry-run` keeps: restic.py SETS RULES > cli/restic.txt

It makes SETS sets of snapshots at random times, and applies RULES random sets of rules to each. restic 0.16 or later
has to be in the PATH. `LSM_CHECKPOINT_RESTIC=FILE cargo test -p lsm-checkpoint-cli restic` compares another file.
"""

import datetime
import json
import os
import random
import subprocess
import sys
import tempfile

NOW = datetime.datetime(2026, 3, 10, 12, tzinfo=datetime.timezone.utc)


def restic(*args):
    return subprocess.run(["restic", *args], capture_output=True, text=True, check=True).stdout


def rules():
    chosen = []
    while not chosen:
        for name in ["last", "hourly", "daily", "weekly", "monthly", "yearly"]:
            if random.random() < 0.35:
                chosen += [f"--keep-{name}", str(random.choice([1, 2, 3, 5, 8]))]
        if random.random() < 0.3:
            chosen += ["--keep-within", random.choice(["12h", "3d", "1m", "2m5d", "1y", "1y6m3d2h"])]
    return chosen


def main(sets, rules_per_set):
    random.seed(29)
    print(f"Sets that `restic forget --dry-run` {restic('version').split()[1]} has kept, with TZ=UTC. Each set names the")
    print("rules, then the fate and the age of each snapshot in seconds before 2026-03-10 12:00:00. Made by restic.py.")
    restic("init")
    for number in range(sets):
        spread = random.choice([2, 10, 40, 200, 900]) * 86_400
        ages = sorted(random.sample(range(60, spread), random.choice([1, 2, 5, 9, 12, 14])))
        for age in ages:
            time = (NOW - datetime.timedelta(seconds=age)).strftime("%Y-%m-%d %H:%M:%S")
            restic("backup", "--quiet", "--host", f"h{number}", "--time", time, os.devnull)
        for _ in range(rules_per_set):
            chosen = rules()
            forget = ["forget", "--dry-run", "--json", "--group-by", "host", "--host", f"h{number}"]
            group = json.loads(restic(*forget, *chosen))[0]
            times = [datetime.datetime.fromisoformat(kept["time"].replace("Z", "+00:00")) for kept in group["keep"]]
            kept = {int((NOW - time).total_seconds()) for time in times}
            print("\nrules", *chosen)
            for age in ages:
                print("keep" if age in kept else "go", age)


with tempfile.TemporaryDirectory() as directory:
    os.environ.update(TZ="UTC", RESTIC_PASSWORD="x", RESTIC_REPOSITORY=directory + "/repository")
    os.environ["RESTIC_CACHE_DIR"] = directory + "/cache"
    main(int(sys.argv[1]), int(sys.argv[2]))
