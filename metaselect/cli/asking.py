"""What `metaselect rank` can be asked, for whoever asks nothing yet."""

from metaselect.console import few

_SHOWN = """\
metaselect rank says which English task to fine-tune on before a target task.

  metaselect rank --target xnli --language sw
      for a known task, one of {n_targets} (metaselect ls tasks):
      {targets}
  metaselect rank --data my_task/ --language sw,ta,qu
      for your own English training rows: my_task/train with
      .jsonl, .jsonl.gz, .csv, .tsv or .parquet, or such a file

Languages go by codes such as sw, ta, qu; any of metaselect ls languages.
--why gives the reasons, --out plan.toml a grid that tries the first three,
--help all options."""


def what_can_be_asked() -> str:
    """Targets, languages and own data, in a few lines of at most 80 columns."""
    from metaselect.catalogue.cardfiles import shipped_catalogue

    targets = [card for card in shipped_catalogue().values() if len(card.languages) > 1]
    known_first = sorted(targets, key=lambda card: ("xtreme_r" not in card.benchmarks, card.name))
    return _SHOWN.format(targets=few([card.name for card in known_first]), n_targets=len(targets))
