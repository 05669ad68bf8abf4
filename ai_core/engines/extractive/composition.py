"""Composes an extractive answer: what decides, its conditions, what to do next, the sources.

Everything but the headings and the sentence for "nothing decides" (`texts/`) is quoted. A reader in
a hurry reads the summary alone, so it holds what a quoted sentence cannot be read without.
It is long because its parts share what was quoted before them.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ai_core.engines.base import AnswerPart, Prompt
from ai_core.engines.extractive.asked import AskedQuestion
from ai_core.engines.extractive.deciding import Candidate, candidates, nothing_fits
from ai_core.engines.extractive.excerpt import OMISSION, Quoted, excerpt, quoted_lines
from ai_core.engines.extractive.tables import ToldRows, rows_of, title_above, told_rows
from ai_core.engines.extractive.units import Reading, Role, read
from ai_core.law.records import Confidence, Passage, SourceKind
from ai_core.law.titles import title_of
from shared.texts import Texts, date_in_words

SUMMARY_CHARS, LIST_CHARS, BOUND_CHARS = 600, 1_000, 1_400
"""A list of a clause that is told whole may be longer: one item less misleads."""
_SUMMARY_SOURCES = 2
_SECTION_CHARS = 700
_SECTION_UNITS = 4
SOURCE_CHARS = 900
NAMED_ARTICLE_CHARS = 2_400
_MOST_SOURCES = 5
_LEAST_RELEVANCE = 0.3
_NEAREST = 3
_NEAR_BEST = 1.0
_AS_GOOD = 0.5
_FIGURE_MARGIN = 4.0
_GIVES = 0.7
_SUMMARY_SENTENCES = 3
_OF_THE_LIST = 0.34
"""An item that holds no more of the question than this is not asked for above the others."""
_CONDITION = re.compile(
    r"\bsauf\b|a condition|toutefois|\blorsqu|dans la limite|\bne\b.{1,60}\bqu[e']|sous reserve"
    r"|a moins qu|cependant|excepte|a l'exception|a defaut|doit justifier|si (?:le|la|l'|il|elle)"
    r"|en cas de|exclu|ne (?:s'applique|beneficie)|au minimum|au maximum|ne peut (?:etre|exceder)"
    r"|pour les cadres|\betam\b|par derogation"
)
_STEP = re.compile(
    r"lettre recommandee|remise? en main propre|contre decharge|formulaire|cerfa|teleservice"
    r"|(?:salariee?|interessee?|victime|employeur|vous|candidat|il|elle)s? (?:\w+ ){0,3}"
    r"(?:doi(?:t|vent)|devez|peu(?:t|vent)|pouvez) (?:\w+ ){0,3}(?:informer|avertir|adresser"
    r"|demander|saisir|prevenir|envoyer|transmettre|declarer|contester|s'adresser|alerter|contacter|signaler"
    r"|remettre|justifier|faire)"
    r"|(?:salariee?|interessee?|employeur)s? (?:\w+ ){0,3}(?:informe|adresse|envoie|avertit|saisit"
    r"|demande|transmet|previent|remet)\b|il suffit d|est adressee?|doit etre (?:adresse|envoye"
    r"|demande|joint|fait)|mise en demeure|au plus tard|dans (?:un|le) delai d"
)
_PLAIN_COVERAGE = 0.8
_PLAIN_PRECISION = 0.15
_MIN_STEP_COVERAGE = 0.4
_CONDITION_MARGIN = 2.2
_PASSAGE_MARGIN = 6.5
_STEP_PASSAGES = 6
_NEAR_UNITS = 4


@dataclass(slots=True)
class _Chosen:
    """The units of each passage that an answer uses, in the order in which it uses passages."""

    units: dict[int, set[int]] = field(default_factory=dict)

    def add(self, passage: int, units: set[int]) -> None:
        self.units.setdefault(passage, set()).update(units)

    def holds(self, passage: int, unit: int) -> bool:
        return unit in self.units.get(passage, ())


class Composition:
    """One answer in the making."""

    def __init__(self, prompt: Prompt, texts: Texts) -> None:
        self._prompt = prompt
        self._texts = texts
        self._asked = AskedQuestion.read(prompt.question)
        self._readings = [read(passage.text) for passage in prompt.passages]
        self._candidates = candidates(self._asked, prompt.passages, prompt.told)
        self._others = {(one.passage, one.unit) for one in self._candidates if not one.fits}
        self._used = _Chosen()
        self._quoted = Quoted()
        self._said = Quoted()
        self._tables_told: set[int] = set()

    def parts(self) -> Iterator[tuple[AnswerPart, str]]:
        """Yield each part that has a text, in the order of an answer."""
        named = [
            n
            for n, passage in enumerate(self._prompt.passages)
            if passage.number in self._prompt.named_articles
        ]
        if named:
            yield AnswerPart.SUMMARY, self._opening(named)
            yield AnswerPart.SOURCES, self._sources(named, NAMED_ARTICLE_CHARS)
        elif (
            not self._candidates
            or (self._has(Confidence.NONE) and not self._answers_plainly())
            or nothing_fits(self._candidates)
        ):
            others = self._others and not self._has(Confidence.NONE)
            yield AnswerPart.SUMMARY, self._say("nothing_fits" if others else "nothing_decides")
            yield AnswerPart.NEAREST, self._sources(self._best_passages(_NEAREST), SOURCE_CHARS)
        else:
            doubt = self._has(Confidence.NONE) or (
                self._has(Confidence.LOW) and not self._answers_plainly()
            )
            lead = self._say("not_certain" if doubt else "quoted_in_french")
            summary = (lead, self._summary(), self._bounds())
            yield AnswerPart.SUMMARY, "\n\n".join(filter(None, summary))
            for part, written in (
                (AnswerPart.CONDITIONS, self._conditions()),
                (AnswerPart.STEPS, self._steps()),
            ):
                if written:
                    yield part, written
            shown = AnswerPart.NEAREST if doubt else AnswerPart.SOURCES
            yield shown, self._sources(self._sources_used(), SOURCE_CHARS)

    def _has(self, confidence: Confidence) -> bool:
        return self._prompt.confidence is confidence

    def _answers_plainly(self) -> bool:
        """Whether the best unit covers the question and gives what it asks, whatever the search.

        A clause of an agreement was judged before, with what the search found.
        """
        best = self._candidates[0]
        features = best.features
        if self._prompt.passages[best.passage].kind is SourceKind.AGREEMENT:
            return False
        gives = features["gives_what_is_asked"] >= _GIVES or not self._asked.wants_figure
        return (
            gives
            and features["covered_with_context"] >= _PLAIN_COVERAGE
            and features["precise"] >= _PLAIN_PRECISION
        )

    def _say(self, key: str, **facts: str | int) -> str:
        return self._texts.say(key, self._prompt.language, **facts)

    # ------------------------------------------------------------------ summary

    def _opening(self, named: Sequence[int]) -> str:
        """Return the first sentences of the articles the question names."""
        lines = []
        for n in named[:_SUMMARY_SOURCES]:
            reading = self._readings[n]
            chosen: set[int] = set()
            for at in range(len(reading.units)):
                group = chosen | reading.with_needs([at])
                if chosen and reading.length(group) > SUMMARY_CHARS // len(
                    named[:_SUMMARY_SOURCES]
                ):
                    break
                chosen = group
                if len(chosen) >= 3 and not reading.units[at].introduces:
                    break
            lines.append(self._quote(n, chosen))
        return "\n\n".join(lines)

    def _summary(self) -> str:
        """Return the sentences that decide: the best, then others nearly as good that add to it."""
        lines: dict[int, list[str]] = {}
        length = 0
        for one in self._deciding():
            reading = self._readings[one.passage]
            group = self._group(one) - self._used.units.get(one.passage, set())
            chars = reading.length(group)
            if lines and (
                length + chars > SUMMARY_CHARS
                or not group
                or self._tells_another_table(one)
                or any(self._said.holds(reading.units[at]) for at in group)
            ):
                continue
            lines.setdefault(one.passage, []).append(self._take(one.passage, group))
            length += chars
            if sum(map(len, lines.values())) == _SUMMARY_SENTENCES:
                break
        return "\n\n".join("\n\n".join(told) for told in lines.values())

    def _bounds(self) -> str:
        """Return what the Code says whatever the clause that leads says, if a clause leads."""
        held = self._prompt.passages
        first = next(iter(self._used.units), None)
        if first is None or held[first].kind is not SourceKind.AGREEMENT:
            return ""
        lines = []
        for one in self._candidates:
            bound = held[one.passage].bound
            reading = self._readings[one.passage]
            needed = [reading.units[at].role for at in reading.units[one.unit].needs]
            aside = reading.units[one.unit].role is Role.SENTENCE and Role.ITEM in needed
            if bound and one.fits and not aside and one.passage not in self._used.units:
                quoted = self._take(one.passage, self._group(one))
                lines.append(f"{self._say(f'bound_{bound}')}\n\n{quoted}")
        return "\n\n".join(lines)

    def _tells_another_table(self, one: Candidate) -> bool:
        row = self._readings[one.passage].units[one.unit].role is Role.ROW
        return row and one.passage in self._tables_told

    def _deciding(self) -> list[Candidate]:
        """Return the best unit, then those near it; first what gives the figure it lacks.

        "The employee has a right to leave when a child is ill." does not tell for how long: the
        sentence that does, in the same text, comes second whatever its own score.
        """
        best = self._candidates[0]
        near = [
            one
            for one in self._candidates
            if one.fits
            and one.score > best.score - (_NEAR_BEST if one.passage == best.passage else _AS_GOOD)
        ]
        if best.features["label_fits"]:
            return [one for one in near if one.features["label_fits"]]
        if best.features["gives_what_is_asked"] >= _GIVES or not self._asked.wants_figure:
            return near
        figures = [
            one
            for one in self._candidates
            if one.passage == best.passage
            and one.fits
            and one.features["gives_what_is_asked"] >= _GIVES
            and one.score > best.score - _FIGURE_MARGIN
        ]
        return [best, *figures[:1], *near[1:]]

    def _group(self, candidate: Candidate) -> set[int]:
        """Return a unit with what it needs, and with its list when it introduces one."""
        reading = self._readings[candidate.passage]
        group = reading.with_needs([candidate.unit])
        if (whole := self._whole_list(candidate)) is not None:
            return whole
        if not reading.units[candidate.unit].introduces:
            return group
        items = [
            at
            for at in reading.items(candidate.unit)
            if (candidate.passage, at) not in self._others
        ]
        if reading.length(group | set(items)) <= SUMMARY_CHARS:
            return group | set(items)
        scores = {c.unit: c.score for c in self._candidates if c.passage == candidate.passage}
        for item in sorted(items, key=lambda at: -scores.get(at, 0.0)):
            if reading.length(group | {item}) <= SUMMARY_CHARS:
                group |= reading.with_needs([item])
        return group

    def _whole_list(self, candidate: Candidate) -> set[int] | None:
        """Return the whole list of a clause that an item belongs to, where nothing told picks one.

        "4 % after three years" alone misleads who has been there for ten.
        """
        reading, n = self._readings[candidate.passage], candidate.passage
        unit = reading.units[candidate.unit]
        passage = self._prompt.passages[n]
        clause = passage.kind is SourceKind.AGREEMENT or passage.bound is not None
        listed = unit.role is Role.ITEM or unit.introduces
        picked = candidate.features["amount_fits"] or candidate.features["label_fits"]
        if not clause or not listed or picked:
            return None
        introduced = [at for at in (*unit.needs, candidate.unit) if reading.units[at].introduces]
        if not introduced:
            return None
        items = {at for at in reading.items(introduced[0]) if (n, at) not in self._others}
        whole = reading.with_needs({candidate.unit, *items})
        if reading.length(whole) <= (LIST_CHARS if passage.bound is None else BOUND_CHARS):
            return whole
        if unit.role is Role.ITEM and self._asked.coverage(unit.stems) > _OF_THE_LIST:
            return None
        return self._first_items(reading, reading.with_needs([introduced[0]]), sorted(items))

    @staticmethod
    def _first_items(reading: Reading, group: set[int], items: Sequence[int]) -> set[int]:
        """Return the introduction of a list with its first items, as many as a summary holds."""
        chosen = set(group)
        for item in items:
            longer = chosen | reading.with_needs([item])
            if reading.length(longer) > LIST_CHARS:
                break
            chosen = longer
        return chosen

    def _take(self, n: int, group: set[int]) -> str:
        """Use units, and return them quoted; of a table, all rows are used."""
        reading = self._readings[n]
        rows = [at for at in group if reading.units[at].role is Role.ROW]
        if rows:
            self._tables_told.add(n)
        self._used.add(n, group.union(*(rows_of(reading, row) for row in rows)))
        self._said.add([self._readings[n].units[at] for at in group])
        return self._quote(n, group)

    def _quote(self, n: int, group: set[int]) -> str:
        """Return units between quotation marks, omissions between them, and their number."""
        reading = self._readings[n]
        rows = [at for at in group if reading.units[at].role is Role.ROW]
        titles = {reading.units[at].heading for at in rows} - {None}
        told_with_rows = {title_above(reading, at) for at in rows}
        prose = [at for at in group if reading.units[at].role not in {Role.ROW, Role.HEADER}]
        prose += [at for at in titles if at is not None and at not in prose]
        prose = [at for at in prose if at not in told_with_rows]
        quotes = [_marked(" ".join(reading.text[a:b].split())) for a, b in reading.runs(prose)]
        told, depends = f" {OMISSION} ".join(quotes), ""
        if rows:
            table = told_rows(reading, max(rows), self._asked)
            told = "\n".join(filter(None, (told, *(f"- {row}" for row in table.rows))))
            depends = self._depends(table)
        return f"{told} [{n + 1}]{depends}"

    def _depends(self, table: ToldRows) -> str:
        """Return what the row of a table depends on, where several are told."""
        if not table.lacking or len(table.rows) < 2:
            return ""
        return f"\n\n{self._say('row_depends', heads=', '.join(map(str.lower, table.lacking)))}"

    # ------------------------------------------------------------------ conditions and steps

    def _conditions(self) -> str:
        """Return conditions and exceptions: near what decides, then the most relevant ones."""
        deciding = {n: min(units) for n, units in self._used.units.items()}
        last = {n: max(units) for n, units in self._used.units.items()}
        least = self._candidates[0].score - _CONDITION_MARGIN

        def is_near(one: Candidate) -> bool:
            n = one.passage
            return deciding[n] - 1 <= one.unit <= last[n] + _NEAR_UNITS

        wanted = [
            one
            for one in self._candidates
            if one.passage in deciding
            and one.fits
            and _CONDITION.search(self._folded(one))
            and not one.features["amount_excluded"]
            and (is_near(one) or (one.score > least and _on_subject(one) > _MIN_STEP_COVERAGE))
        ]
        return self._bullets(sorted(wanted, key=lambda one: not is_near(one)))

    def _steps(self) -> str:
        """Return what to do next, from the passages found."""
        passages = self._best_passages(_STEP_PASSAGES)
        wanted = [
            one
            for one in self._candidates
            if one.passage in passages
            and one.fits
            and _STEP.search(self._folded(one))
            and _on_subject(one) > _MIN_STEP_COVERAGE
            and not (one.features["stale"] or one.features["amount_excluded"])
        ]
        return self._bullets(wanted)

    def _folded(self, one: Candidate) -> str:
        return self._readings[one.passage].units[one.unit].folded

    def _bullets(self, wanted: Sequence[Candidate]) -> str:
        lines: list[str] = []
        length = 0
        for candidate in wanted:
            reading = self._readings[candidate.passage]
            unit = reading.units[candidate.unit]
            if (
                self._used.holds(candidate.passage, candidate.unit)
                or self._said.holds(unit)
                or unit.role not in {Role.SENTENCE, Role.ITEM}
                or unit.introduces
            ):
                continue
            group = self._group(candidate) - self._used.units.get(candidate.passage, set())
            if length + reading.length(group) > _SECTION_CHARS:
                continue
            length += reading.length(group)
            lines.append(f"- {self._take(candidate.passage, group)}")
            if len(lines) == _SECTION_UNITS:
                break
        return "\n".join(lines)

    # ------------------------------------------------------------------ sources

    def _best_passages(self, most: int) -> list[int]:
        """Return the passages with the best units, best first, without those far below the best."""
        least = self._candidates[0].score - _PASSAGE_MARGIN
        near = (one.passage for one in self._candidates if one.score > least)
        return list(dict.fromkeys(near))[:most]

    def _sources_used(self) -> list[int]:
        """Return the passages used, then those most relevant that are not among them."""
        used = list(self._used.units)
        held = self._prompt.passages
        sources = {(held[n].kind, held[n].id) for n in used}
        best = max(passage.score for passage in held)
        near = set(self._best_passages(len(held)))
        for n in sorted(range(len(held)), key=lambda n: -held[n].score):
            source = (held[n].kind, held[n].id)
            if source in sources or n not in near or held[n].score < _LEAST_RELEVANCE * best:
                continue
            if len(sources) < _MOST_SOURCES:
                used.append(n)
                sources.add(source)
        return used

    def _sources(self, passages: Sequence[int], budget_chars: int) -> str:
        """Return the excerpts of passages, the parts of one source together."""
        held = self._prompt.passages
        sources: dict[tuple[SourceKind, str], list[int]] = {}
        for n in passages:
            sources.setdefault((held[n].kind, held[n].id), []).append(n)
        blocks = []
        for parts in sources.values():
            quotes = [
                self._excerpt(n, budget_chars) for n in sorted(parts, key=lambda n: held[n].start)
            ]
            n = parts[0]
            quote = "\n".join(filter(None, quotes))
            lines = (self._heading(n, held[n]), quote, held[n].url)
            blocks.append("\n\n".join(filter(None, lines)))
        return "\n\n".join(blocks)

    def _excerpt(self, n: int, budget_chars: int) -> str:
        reading = self._readings[n]
        scores = {
            c.unit: c.score
            for c in self._candidates
            if c.passage == n and reading.units[c.unit].role is not Role.HEADING
        }
        wanted = self._used.units.get(n, set())
        if budget_chars == NAMED_ARTICLE_CHARS:
            wanted = set(_first_units(reading, budget_chars))
        chosen = excerpt(reading, wanted, scores, budget_chars, self._quoted)
        self._quoted.add([reading.units[at] for at in chosen])
        passage = self._prompt.passages[n]
        return quoted_lines(reading, chosen, begins=not passage.start, goes_on=passage.goes_on)

    def _heading(self, n: int, passage: Passage) -> str:
        dated = " ".join(("", *self._dates(passage)))
        return (
            self._say(
                f"{passage.kind}_heading", number=passage.number, n=n + 1, title=title_of(passage)
            )
            + dated
        )

    def _dates(self, passage: Passage) -> Iterator[str]:
        """Yield what tells how old a text is, and that an agreement's is of one place only."""
        days = {
            SourceKind.FICHE: ("fiche_updated", passage.updated),
            SourceKind.ARTICLE: ("in_force_since", passage.in_force_since),
            SourceKind.AGREEMENT: ("text_signed", passage.updated),
        }
        key, day = days[passage.kind]
        if day:
            yield self._say(key, day=date_in_words(day, self._prompt.language))
        if passage.outdated:
            clause = passage.kind is SourceKind.AGREEMENT
            yield self._say("clause_replaced" if clause else "fiche_outdated")
        if passage.agreement_text and passage.agreement_text.territory:
            yield self._say("text_of_a_place", place=passage.agreement_text.territory)


def _on_subject(one: Candidate) -> float:
    return one.features["covered_with_context"]


def _marked(words: str) -> str:
    """Put words between quotation marks that do not occur in them."""
    return f"“{words}”" if "«" in words or "»" in words else f"« {words} »"


def _first_units(reading: Reading, budget_chars: int) -> list[int]:
    chosen: list[int] = []
    for at in range(len(reading.units)):
        if chosen and reading.length([*chosen, at]) > budget_chars:
            break
        chosen.append(at)
    return chosen
