"""TaskSelector: learn from transfer runs, rank intermediates for a new target or language."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import pandas as pd

from metaselect.catalogue.cardfiles import shipped_catalogue
from metaselect.catalogue.tasks import DIRECT, Catalogue
from metaselect.errors import MetaselectError
from metaselect.features.base import DEFAULT_GROUPS, Group
from metaselect.features.table import Unit, candidate_rows, prepare, rankable
from metaselect.parallel import ExecutorName
from metaselect.ranking.predictor import Predictor
from metaselect.runs.gains import query_gains
from metaselect.selector.advice import ranking_and_answer
from metaselect.selector.asked import candidates_for, check_target, codes_of, study_for
from metaselect.selector.combine import Objective, best_first, check_objective
from metaselect.selector.doubts import doubts_about
from metaselect.selector.explain import reasons_for
from metaselect.selector.hub import Commit, local_folder, upload
from metaselect.selector.io import StoredSelector, read_selector, write_selector
from metaselect.selector.provenance import Provenance, TrainingSummary, summarise_training
from metaselect.selector.warnings import (
    SIMULATED_TRAINING,
    candidate_warnings,
    difficulty_warnings,
    language_warnings,
    target_warnings,
)

Progress = Callable[[str], None]


class TaskSelector:
    """Rank English intermediate tasks for a target task and its languages.

    Args:
        n_trials: Settings that Optuna tries; 1 takes the defaults.
        n_folds: Inner folds.
        n_best: Best settings whose models are averaged, at most.
        chance: Allowed probability that the search replaces the defaults although nothing beats
            them; None asks for no proof.
        groups: Feature groups in use.
        level: Coverage asked of the gains' intervals.
        random_state: Seed of everything random.
        storage: Where the search is kept, to be resumed: a journal file or a database URL.
        catalogue: Task cards; the shipped ones by default.

    Attributes:
        predictors_: Fitted predictors: `target` for targets never seen, `family` for new languages
            of targets that were.
        training_: What they were fitted on.
        provenance: Its licence and evaluations, which `save_pretrained` puts into the model card.

    Example:
        selector = TaskSelector().fit(read_runs("mine.csv"))
        selector.rank(target="xnli", languages=["sw", "ta"])
    """

    def __init__(  # noqa: PLR0913 - settings, as scikit-learn's estimators have them
        self,
        *,
        n_trials: int = 30,
        n_folds: int = 4,
        n_best: int = 6,
        chance: float | None = 0.05,
        groups: Sequence[Group] = DEFAULT_GROUPS,
        level: float = 0.8,
        random_state: int = 0,
        storage: str | None = None,
        catalogue: Catalogue | None = None,
    ) -> None:
        self.n_trials = n_trials
        self.n_folds = n_folds
        self.n_best = n_best
        self.chance = chance
        self.groups = tuple(groups)
        self.level = level
        self.random_state = random_state
        self.storage = storage
        self.catalogue = shipped_catalogue() if catalogue is None else catalogue
        self.predictors_: dict[Unit, Predictor] = {}
        self.training_: TrainingSummary | None = None
        self.provenance = Provenance()

    def fit(
        self,
        runs: pd.DataFrame,
        *,
        progress: Progress | None = None,
        workers: int = 1,
        executor: ExecutorName = "local",
    ) -> Self:
        """Tune and fit on a runs table from `read_runs` or `check_runs`.

        Args:
            runs: The table.
            progress: Called with a line after each trial of this process.
            workers: Processes that share the search; with one it is the same every time.
            executor: Whether they are this machine's, or as many as a Ray cluster has cores.

        Raises:
            MetaselectError: The table has nothing to rank, too few independent targets, or
                processes without a storage that they can share.
        """
        from metaselect.ranking.sharedsearch import shared_search
        from metaselect.ranking.tuning import SearchSettings, fit_predictor

        search = SearchSettings(
            n_trials=self.n_trials,
            n_folds=self.n_folds,
            n_best=self.n_best,
            seed=self.random_state,
            chance=self.chance,
            storage=self.storage,
            workers=workers,
            executor=executor,
        )
        gains = query_gains(runs)
        self.predictors_ = {}
        for unit in ("target", "family"):
            rows = rankable(prepare(gains, self.catalogue, unit=unit))
            if unit == "family" and rows["family"].nunique() < 2:
                continue  # one family tells nothing of another: such targets count as new
            with shared_search(rows, self.catalogue, self.groups, search) as own:
                self.predictors_[unit] = fit_predictor(
                    rows,
                    catalogue=self.catalogue,
                    groups=self.groups,
                    search=own,
                    level=self.level,
                    progress=progress,
                )
        self.training_ = summarise_training(runs)
        return self

    def rank(
        self,
        *,
        target: str,
        languages: Sequence[str],
        candidates: Sequence[str] | None = None,
        top: int | None = None,
        study: str | None = None,
    ) -> pd.DataFrame:
        """Rank candidates for a target in each of some languages, best first.

        Args:
            target: Name of the target task, with a card or seen in training.
            languages: Codes, each resolved by the catalogue.
            candidates: Intermediates to choose among, those of the training runs but the target
                by default; `direct` is always added.
            top: Rows to keep for each language; None keeps all.
            study: Training study whose encoder and protocol are to be used; where training had
                one study, that one, else none in particular.

        Returns:
            Columns language, rank (from 1), intermediate, score (for ordering), gain (expected),
            low, high (of the gain; NaN where no interval is possible), p_positive (probability
            that the gain is above 0) and reasons (list).

        Raises:
            MetaselectError: Not fitted, no language, or an unknown target, candidate, language or
                study.
        """
        training = self._fitted()
        codes = codes_of(languages)
        names = candidates_for(target, candidates, training, self.catalogue)
        check_target(target, training, self.catalogue)
        chosen = study_for(study, training)
        encoder = training.encoder_by_study.get(chosen, "")
        queries = pd.DataFrame({"language": list(dict.fromkeys(codes))}).assign(
            study=chosen, encoder=encoder, adaptation="", target=target
        )
        rows = candidate_rows(queries, names, self.catalogue)
        predictor = self.predictor_for(target)
        found = predictor.predict(rows)
        reasons = reasons_for(rows, predictor.contributions(found), found.tables[0])
        table = (
            rows[["language", "intermediate"]]
            .astype("object")
            .assign(
                score=found.gain,
                gain=found.gain,
                low=found.gain - found.half_width,
                high=found.gain + found.half_width,
                p_positive=found.p_positive,
                reasons=pd.Series(reasons, index=rows.index),
            )
        )
        return best_first(table, queries["language"].tolist(), top)

    def answer(
        self,
        *,
        target: str,
        languages: Sequence[str],
        candidates: Sequence[str] | None = None,
        study: str | None = None,
        objective: Objective = "mean",
        runs: pd.DataFrame | None = None,
    ) -> str:
        """What to fine-tune on first, in the one sentence that `metaselect rank` begins with.

        Args:
            target: As for `rank`.
            languages: Codes; several have one answer.
            candidates: As for `rank`.
            study: As for `rank`.
            objective: For several languages: `mean`, `balanced` (by family) or `worst`.
            runs: Your own from `read_runs`; None goes by those that the predictor learnt from.

        Raises:
            MetaselectError: As `rank` does, or an unknown objective.
        """
        goal = check_objective(objective)
        table = self.rank(target=target, languages=languages, candidates=candidates, study=study)
        who = target, table["intermediate"], self.catalogue
        doubts, _ = doubts_about(*who, kept=self._fitted().own_runs, study=study, runs=runs)
        doubts = replace(doubts, unproven=self.is_unproven(target))
        return ranking_and_answer(table, doubts, objective=goal, simulated=self.simulated)[1]

    def is_unproven(self, target: str) -> bool:
        """Whether the predictor for a target chose no better than random on its own runs."""
        return self.predictor_for(target).beats_random is False

    def warnings(
        self,
        *,
        target: str,
        languages: Sequence[str],
        candidates: Sequence[str] | None = None,
        study: str | None = None,
    ) -> list[str]:
        """What a reader of such a ranking should know: what it rests on and extrapolates from."""
        training = self._fitted()
        found = [SIMULATED_TRAINING] if training.simulated else []
        found += language_warnings(languages, seen=training.languages)
        found += target_warnings(target, training.targets, self.catalogue)
        asked = candidates_for(target, candidates, training, self.catalogue)
        names = [name for name in asked if name != DIRECT]
        found += candidate_warnings(names, training.intermediates, self.catalogue)
        if "measured" in self.groups:
            found += difficulty_warnings(names, self.catalogue)
        if study is None and len(training.encoder_by_study) > 1:
            found.append(
                f"no encoder is named: {len(training.encoder_by_study)} training studies are "
                "pooled; --study ranks for the encoder of one (metaselect ls studies)"
            )
        residuals = self.predictor_for(target).residuals
        return found if residuals.radius is not None else [*found, residuals.describe()]

    @property
    def simulated(self) -> bool:
        """Whether it learnt from simulated runs, so that what it says must be marked."""
        return self._fitted().simulated

    def predictor_for(self, target: str) -> Predictor:
        """The predictor for targets seen in training, or sharing data with one; or for new ones."""
        training = self._fitted()
        known = any(self.catalogue.share_training(target, name) for name in training.targets)
        unit: Unit = "family" if known and "family" in self.predictors_ else "target"
        return self.predictors_[unit]

    def save_pretrained(self, directory: str | Path) -> None:
        """Write the predictor into a folder: JSON, LightGBM text, a model card and a manifest."""
        stored = StoredSelector(
            self._settings(), self._fitted(), self.provenance, self.predictors_, self.catalogue
        )
        write_selector(Path(directory), stored)

    def push_to_hub(
        self,
        repo_id: str,
        *,
        token: str | None = None,
        private: bool | None = None,
        branch: str | None = None,
        create_pr: bool = False,
        commit_message: str = "Upload metaselect predictor",
    ) -> str:
        """Upload the predictor and its card to a hub repository, which is made where there is none.

        Args:
            repo_id: `owner/name`.
            token: Of the hub, never written anywhere; by default what `hf auth login` keeps.
            private: Whether a repository made here is private; None leaves it to the hub.
            branch: To commit on; `main` by default.
            create_pr: Commit on a pull request instead.
            commit_message: First line of the commit.

        Returns:
            URL of the commit.

        Raises:
            MissingExtra: huggingface_hub is not installed.
            MetaselectError: Not fitted, or the hub refuses or cannot be reached.
        """
        self._fitted()
        commit = Commit(commit_message, private=private, branch=branch, create_pr=create_pr)
        return upload(self.save_pretrained, repo_id, commit, token=token)

    @classmethod
    def from_pretrained(
        cls,
        directory: str | Path,
        *,
        catalogue: Catalogue | None = None,
        revision: str | None = None,
        token: str | None = None,
    ) -> "TaskSelector":
        """Read a predictor from a folder, or from a hub repository named `owner/name`.

        Args:
            directory: The folder, or the repository.
            catalogue: Task cards; the shipped ones by default.
            revision: Branch, tag or commit of a repository; `main` by default.
            token: Of the hub, never written anywhere; by default what `hf auth login` keeps.

        Raises:
            MetaselectError: No such folder, or one that is unfinished, changed, made by a newer
                version, or that holds a pickle.
        """
        folder = local_folder(str(directory), revision=revision, token=token)
        cards = shipped_catalogue() if catalogue is None else catalogue
        stored = read_selector(folder, cards)
        try:
            selector = cls(catalogue=stored.catalogue, **stored.settings)
        except TypeError as error:
            raise MetaselectError(
                f"{folder} is not a predictor this version reads: {error!r}."
            ) from error
        selector.training_, selector.provenance = stored.training, stored.provenance
        selector.predictors_ = dict(stored.predictors)
        return selector

    def _settings(self) -> dict[str, Any]:
        names = ("n_trials", "n_folds", "n_best", "chance", "groups", "level", "random_state")
        return {name: getattr(self, name) for name in names}

    def _fitted(self) -> TrainingSummary:
        if self.training_ is None:
            raise MetaselectError("This selector is not fitted: call fit or from_pretrained first.")
        return self.training_
