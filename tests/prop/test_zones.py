"""Civil time and calendar buckets against Python's zoneinfo, on random instants of many zones."""
import os
import pathlib
import random
import subprocess

import oracle_calendar as calendar

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = pathlib.Path(os.environ.get("ASSAY_TOOLS", str(ROOT / "build/dev/bin"))) / "zone_tool"
# North and south, half and quarter hours, turns at midnight and just after, days left out.
ZONES = ["UTC", "Europe/Berlin", "Europe/London", "Europe/Dublin", "America/New_York",
         "America/Sao_Paulo", "America/St_Johns", "America/Havana", "Australia/Lord_Howe",
         "Australia/Adelaide", "Pacific/Auckland", "Pacific/Chatham", "Pacific/Apia",
         "Pacific/Kwajalein", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Shanghai", "Asia/Tehran",
         "Asia/Gaza", "Asia/Pyongyang", "Africa/Casablanca", "Africa/Cairo", "Africa/Monrovia",
         "Antarctica/Troll", "America/Asuncion", "Etc/GMT+5", "EST5EDT"]
FROM, TO = 0, 4_102_444_800_000  # 1970 to 2100
SEED = int(os.environ.get("ASSAY_PROP_SEED", "0"))


def turns(zone, pick, count):
    """Instants at which the clock is turned, to the ms."""
    found = []
    for _ in range(count):
        early = pick.randrange(FROM, TO)
        late = early + 200 * calendar.DAY
        shift = calendar.local(zone, early) - early
        if calendar.local(zone, late) - late == shift:
            continue
        while late - early > 1:
            middle = (early + late) // 2
            if calendar.local(zone, middle) - middle == shift:
                early = middle
            else:
                late = middle
        found.append(late)
    return found


def ask(questions):
    text = "".join(f"{zone} {unit} {back} {ms}\n" for zone, unit, back, ms in questions)
    run = subprocess.run([TOOL], input=text, capture_output=True, text=True, check=True)
    return [tuple(map(int, line.split())) for line in run.stdout.splitlines()]


def check(questions):
    answers = ask(questions)
    assert len(answers) == len(questions)
    for question, (local, begin, end, reach) in zip(questions, answers):
        zone, unit, back, ms = question
        assert local == calendar.local(zone, ms), question
        assert (begin, end) == calendar.bucket(zone, unit, back, ms), question
        assert ms - begin <= reach, f"{question}: kept too short"


def test_civil_time_and_buckets_of_random_instants_are_pythons():
    pick = random.Random(SEED)
    check([(zone, pick.choice(["hour", "day", "week", "month"]), pick.choice([0, 0, 1, 1, 2, 5, 40]),
            pick.randrange(FROM, TO)) for zone in ZONES for _ in range(150)])


def test_around_a_turn_of_the_clock_buckets_are_longer_or_shorter():
    pick = random.Random(SEED + 1)
    questions = []
    for zone in ZONES:
        for turn in turns(zone, pick, 12):
            for away in (-1, 0, 1, -calendar.HOUR, calendar.HOUR, pick.randrange(-2, 2) * 900_000,
                         pick.randrange(-30, 30) * calendar.HOUR):
                for unit in ("hour", "day", "week", "month"):
                    questions.append((zone, unit, pick.choice([0, 1, 2, 3]), turn + away))
    assert len(questions) > 3000
    check(questions)


def test_years_before_and_far_behind_the_table_follow_its_ends():
    pick = random.Random(SEED + 2)
    check([(zone, pick.choice(["hour", "day", "week", "month"]), pick.choice([0, 1, 7]),
            pick.choice([pick.randrange(-3_000_000_000_000, 0),
                         pick.randrange(TO, 240_000_000_000_000)]))
           for zone in ZONES for _ in range(40)])


def test_every_zone_of_the_system_agrees_on_some_instants():
    pick = random.Random(SEED + 3)
    with open("/usr/share/zoneinfo/zone1970.tab", encoding="utf-8") as table:
        zones = [line.split("\t")[2].strip() for line in table if not line.startswith("#")]
    assert len(zones) > 300
    check([(zone, pick.choice(["hour", "day", "week", "month"]), pick.choice([0, 1]),
            pick.randrange(FROM, TO)) for zone in zones for _ in range(6)])


def test_what_is_no_zone_is_refused():
    names = ["Europe/Berln", "/etc/passwd", "../../etc/passwd", "Europe//Berlin", "Europe/", "Europe",
             "localtime", "zone.tab", "tzdata.zi", "leapseconds", "right/UTC", "utc/../UTC", "x" * 64]
    text = "".join(f"{name} day 0 0\n" for name in names)
    run = subprocess.run([TOOL], input=text, capture_output=True, text=True, check=True)
    assert [line.split()[0] for line in run.stdout.splitlines()] == ["no"] * len(names)
