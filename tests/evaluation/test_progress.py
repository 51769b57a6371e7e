from metaselect.evaluation.progress import ProgressMeter


def test_a_line_comes_at_most_every_fifteen_seconds_and_after_the_last_step():
    now, lines = [0.0], []
    meter = ProgressMeter(5, 10.0, lines.append, clock=lambda: now[0])
    for second, cost in ((10.0, 1.0), (20.0, 1.0), (30.0, 1.0), (35.0, 1.0), (100.0, 6.0)):
        now[0] = second
        meter.step("ablation", cost)
    # after 20 s 2 of 10 are spent: 80 s to go; after 35 s 4 of 10: 35 * 6 / 4 = 52.5 s
    assert lines == [
        "2/5 steps, ablation  20s, about 1m20s left",
        "4/5 steps, ablation  35s, about 52s left",
        "5/5 steps, ablation  1m40s",
    ]


def test_nobody_has_to_listen():
    ProgressMeter(1, 1.0, None).step("ablation", 1.0)
