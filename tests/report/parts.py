"""What the report's tests share: records, a runs table with hostile names, and a page's parser."""

from html.parser import HTMLParser

from metaselect.runs.schema import check_runs
from metaselect.runs.simulated import simulated_runs

TASK = '<img src=x onerror="alert(1)">'
STUDY = "</script><script>alert(2)</script>"
SOURCE = "--><style>*{display:none}</style>&amp;"


def _measured(regret, gain):
    return {"regret@1": regret, "regret@3": 0.0, "ndcg@3": None, "gain@1": gain, "hit@1": 0.5}


def _contrast(method, against, difference):
    low, high = difference - 0.01, difference + 0.01
    head = {"method": method, "against": against, "measure": "regret@1", "n_clusters": 8}
    power = {"detectable": 0.012, "n_changed": 8, "leading": "squad", "low_without_one": low}
    found = {"difference": difference, "low": low, "high": high, "p": 0.0078, "p_holm": 0.5}
    head["primary"] = True
    return {**head, **found, **power, "high_without_one": high}


_HEAD = {
    "schema": 2,
    "protocol": "target",
    "with_direct": True,
    "with_same_source": True,
    "simulated": False,
    "n_queries": 96,
    "n_clusters": 8,
    "clusters": {},
    "alike": [],
    "size_counts": {"train_examples": 0, "card_rows": 96},
    "learnt_and_scored_on": "the same seeds",
    "not_applicable": {"mnli": f"no query has {TASK}"},
    "search": {
        "trials_per_fold": 1,
        "trials": 8,
        "pruned": 0,
        "seed": 0,
        "groups": ["size", "difficulty", "language", "diversity", "affinity", "history"],
    },
}
EVALUATION = {
    **_HEAD,
    "methods": {
        "random": _measured(0.02, 0.01),
        "history": _measured(0.0123, 0.02),
        "ranker": _measured(0.004, 0.03),
        "oracle": _measured(0.0, 0.034),
        "ceiling": _measured(0.003, 0.03),
    },
    "halves": None,
    "best_rule": None,
    "contrasts": [_contrast("ranker", "random", -0.016), _contrast("ranker", "history", -0.0083)],
    "intervals": {
        "level": 0.9,
        "coverage": 0.87,
        "coverage_by_cluster": {},
        "half_width": 0.0271,
        "share_without_interval": 0.0,
    },
    "calibration": {
        "brier": None,
        "brier_of_share": None,
        "bins": [{"said": 0.41, "seen": 0.63, "share": 1.0}],
    },
    "direct": {"share_negative_gains": 0.25, "best": 0.04, "chosen": 0.0, "rightly": None},
}
ABLATION = {
    **_HEAD,
    "arms": {
        "random": _measured(0.02, 0.0),
        "size": _measured(0.015, 0.01),
        "oracle": _measured(0.0, 0.02),
    },
    "contrasts": [_contrast("+both", "history", -0.002), _contrast("size", "random", -0.015)],
}


def hostile_runs():
    """One study of the simulated runs, with markup for the names of a task, the study, a source."""
    runs = simulated_runs(seed=0, noise=0.005)
    runs = runs[runs["study"] == runs["study"].iloc[0]]
    runs = runs.assign(
        study=STUDY, intermediate=runs["intermediate"].replace("sst2", TASK), source="simulated"
    )
    runs.loc[runs.index[0], "source"] = SOURCE
    return check_runs(runs.reset_index(drop=True), percent=False)


class Parsed(HTMLParser):
    """Elements of a page, its texts, and faults of its nesting."""

    VOID = frozenset({"meta", "link", "input", "br", "img", "hr", "wbr"})
    RAW = frozenset({"script", "style"})

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.open, self.faults, self.raw, self.words = [], [], [], {}, []
        self.feed(text)
        self.close()
        self.faults += [f"{tag} is left open" for tag in self.open]

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), tuple(self.open)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), tuple(self.open)))

    def handle_endtag(self, tag):
        if not self.open or self.open[-1] != tag:
            self.faults.append(f"</{tag}> closes {self.open[-3:]}")
        else:
            self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] in self.RAW:
            attributes = self.elements[-1][1]
            self.raw.setdefault(self.open[-1], []).append((attributes, data))
        else:
            self.words.append(data)

    def named(self, tag):
        return [attributes for name, attributes, _ in self.elements if name == tag]
