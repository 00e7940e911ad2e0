"""READ FIRST: the data that flows through vlm-eval, and the seams it flows through.

card -> Sample -> View(s) -> Prompt -> Request -> Outcome -> Judgement -> report

One way: a later step never reaches back. A model never learns which dataset it is asked about, a dataset never
learns which model answers, a scorer never learns which model spoke. Everything here is frozen and picklable.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

Scalar = str | int | float | bool | None
Modality = Literal["image", "point-cloud", "time-series", "video", "medical"]
Anomalous = Literal["yes", "no", "unknown", "unanswerable"]
Claim = Literal["anomalous", "normal"]
Role = Literal["query", "reference", "marked"]
Finish = Literal["stop", "length", "refusal", "content-filter"]
FailureKind = Literal["api-error", "timeout", "out-of-memory", "bad-input", "unsupported", "not-asked"]
Purpose = Literal["answer", "score", "sentinel"]

RETRIED: frozenset[FailureKind] = frozenset({"api-error", "timeout", "out-of-memory", "not-asked"})
"""Kinds of failure that are asked again on resume; the others are final."""


@dataclass(frozen=True, slots=True)
class Label:
    """A name of the label space (a defect type, a diagnosis) with the synonyms that count as the same."""

    name: str
    synonyms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Box:
    """A gold region in pixels of the upright source image: left, top inclusive, right, bottom exclusive."""

    left: float
    top: float
    right: float
    bottom: float
    label: str = ""


@dataclass(frozen=True, slots=True)
class Gold:
    """What is true of an item under the scope of the text that is asked about it."""

    anomalous: Anomalous
    defect_type: str | None = None
    accepted: tuple[str, ...] = ()  # answers that name the anomaly rightly: the name first, then its synonyms
    category: str | None = None  # broad category
    masks: tuple[Path, ...] = ()  # images whose non-zero pixels, united, are the anomaly; of clouds see views.gold
    boxes: tuple[Box, ...] = ()
    marks: tuple[int, ...] = ()
    intervals: tuple[tuple[float, float], ...] = ()  # of a series, in its own time unit
    place: str | None = None  # in words on the 3x3 grid, where the data set states it ("top left")


@dataclass(frozen=True, slots=True)
class Standard:
    """What normal looks like, in phrases that the templates set into sentences."""

    normal: str | None = None  # continues "Normally, the image given should ..."
    abnormal: str | None = None  # continues "It may have defects such as ..."
    rules: tuple[str, ...] = ()  # sentences, numbered by the template
    source: str | None = None  # where the words come from, when they are quoted


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of a recipe with its parameters, sorted by name."""

    operation: str
    parameters: tuple[tuple[str, Scalar], ...] = ()


Recipe = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """What is inspected and what is true of it. Holds paths, never pixels."""

    id: str  # <card>/<posix path>[#slice]
    card: str
    modality: Modality
    sources: tuple[Path, ...]
    object_class: str
    gold: Gold
    group: str  # cluster for statistics: object, series, clip, patient; the item itself by default
    split: Literal["test", "train"] = "test"
    domain: str = "industrial"  # which wording under prompts/domains/
    nouns: Mapping[str, str] = field(default_factory=dict)  # noun ("bottle"), plural, and a domain's own forms
    standard: Standard | None = None
    candidate_labels: tuple[Label, ...] = ()
    question: str | None = None  # replaces the domain's own question in the vqa layout
    recipe: Recipe = ()  # the steps from a source to the pictures of it; none: the file is the picture
    references: tuple[Path, ...] = ()  # its own normal references (template/test pairs)
    reference_recipe: Recipe | None = None  # the steps of its own references, where they differ from its own
    marking: Recipe = ()  # the steps that draw numbered marks on the query, where no marked picture is given
    marked: Path | None = None  # the same picture with numbered marks
    metadata: Mapping[str, Scalar] = field(default_factory=dict)
    auxiliary: Mapping[str, str] = field(default_factory=dict)  # readings and records: what it is -> its value


Renderer = Callable[[Path, Recipe], bytes]


@dataclass(frozen=True, slots=True)
class View:
    """A 2D picture that is not rendered before it is read. Identity: see vlm_eval.views.identity."""

    role: Role
    path: Path
    recipe: Recipe
    identity: str  # 64 hex digits
    size: tuple[int, int]  # width, height in pixels as sent; (0, 0) where the file cannot be read
    renderer: Renderer = field(repr=False, compare=False)

    def read(self) -> bytes:
        """Render an encoded picture (JPEG, PNG or WebP). Raises BadInputError."""
        return self.renderer(self.path, self.recipe)


Part = str | View


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a conversation: text and pictures in the order in which they are shown."""

    role: Literal["user", "assistant"]
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Prompt:
    """Ordered turns; knows no model's image token and no encoding."""

    turns: tuple[Turn, ...]

    @property
    def text(self) -> str:
        """Join the text of all turns."""
        return "\n".join(part for turn in self.turns for part in turn.parts if isinstance(part, str))

    @property
    def views(self) -> tuple[View, ...]:
        """List the pictures in the order in which they are shown."""
        return tuple(part for turn in self.turns for part in turn.parts if isinstance(part, View))


@dataclass(frozen=True, slots=True)
class Model:
    """What identifies a model; all of it is part of every request's key."""

    family: str  # openai, llava, blip2, auto, scripted, replay, baseline
    checkpoint: str
    revision: str | None = None
    dtype: str | None = None
    quantization: Literal["8bit", "4bit"] | None = None

    @property
    def name(self) -> str:
        """Return the name under which people ask for it."""
        return f"{self.family}:{self.checkpoint}"


@dataclass(frozen=True, slots=True)
class BackendSpec:
    """A picklable order for a backend. Options change speed and place, never an answer, so no key holds them."""

    model: Model
    options: Mapping[str, Scalar] = field(default_factory=dict)  # base_url, concurrency, batch_size, device, ...
    name: str = ""  # how reports call it; model.name where empty


@dataclass(frozen=True, slots=True)
class Generation:
    """Generation parameters."""

    max_tokens: int = 256
    temperature: float = 0.0
    beams: int = 1
    length_penalty: float | None = None
    seed: int | None = None
    yes_no: bool = False  # score the words yes and no as the next word instead of generating


@dataclass(frozen=True, slots=True)
class Request:
    """One call: asked once, however many cells or samples need it."""

    key: str  # 64 lowercase hex digits, see vlm_eval.runs.keys
    model: Model
    prompt: Prompt
    generation: Generation
    repeat: int = 0


@dataclass(frozen=True, slots=True)
class YesNo:
    """Natural-log probabilities of yes and of no as the next word, each summed over its surface forms."""

    yes: float
    no: float


@dataclass(frozen=True, slots=True)
class Answer:
    """Anything the model said or declined to say. An empty text is an answer."""

    text: str
    finish: Finish = "stop"
    reasoning: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    yes_no: YesNo | None = None
    score: float | None = None  # continuous anomaly score of a baseline, higher is more anomalous
    served_model: str | None = None
    latency: float | None = None  # seconds
    sent: tuple[str, ...] = ()  # SHA-256 of the picture bytes that were sent, in order
    reasoning_tokens: int | None = None  # of the completion tokens
    lost: int = 0  # earlier attempts whose answer may have been made, and charged, but did not arrive
    score_map: bytes | None = None  # of a baseline: npy of scores, rows x columns, over the first query picture
    score_map_digest: str | None = None  # SHA-256 of the map, where the answer is stored and the map is a file
    image_sizes: tuple[tuple[int, int], ...] | None = None  # width, height after a local processor, else as sent
    image_tokens: int | None = None  # of the prompt's tokens, those that stand for pictures; of local models


@dataclass(frozen=True, slots=True)
class Failure:
    """A technical failure. It holds no answer text and is never scored."""

    kind: FailureKind
    message: str
    attempts: int = 1
    lost: int = 0  # attempts, earlier runs' too, whose answer may have been made, and charged, but did not arrive


Outcome = Answer | Failure


@dataclass(frozen=True, slots=True)
class ReplyField:
    """A field of a JSON reply as the layout declared it, with its polarity."""

    name: str
    meaning: Literal["verdict", "reasoning", "score", "text"]
    anomalous: tuple[Scalar, ...] = ()  # values that claim an anomaly
    normal: tuple[Scalar, ...] = ()  # values that claim normality


@dataclass(frozen=True, slots=True)
class Question:
    """The model-free part of a request: what a scorer may know of how the answer was asked for."""

    layout: str
    cell: str
    yes_means: Claim | None = "anomalous"  # None: the question is not a yes/no question
    reply_fields: tuple[ReplyField, ...] = ()
    image_roles: tuple[Role, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)  # of a multiple-choice question
    marks: Mapping[str, str] = field(default_factory=dict)  # shown marks: "left top right bottom" in pixels, or ""
    round: int = 0
    repeat: int = 0
    view: int | None = None  # the one view of the item that is shown, from 0; None: all in one prompt
    span: tuple[float, float] | None = None  # of time that is shown, in the series' or clip's unit; end excluded


@dataclass(frozen=True, slots=True)
class Item:
    """What a scorer sees."""

    sample: Sample
    question: Question
    answer: Answer


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one scorer says of one item: a value, or an abstention (value None) with its reason."""

    value: str | bool | None
    reason: str | None = None
    evidence: tuple[int, int] | None = None  # [start, end) in the answer's text
    score: float | None = None
    details: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend can do; checked before anything is spent."""

    max_images: int | None = None  # None: no limit known
    conversation: bool = True  # more than one turn
    yes_no: bool = False  # Generation.yes_no
    beams: bool = False  # Generation.beams above 1
    remote: bool = False  # pictures leave this machine
    support: bool = False  # a baseline: is shown the query and the normal pictures to compare it with, no prompt
    least_support: int = 1  # of a baseline: how many normal pictures it needs; 0: it is shown the query alone
    pair: str | None = None  # of a baseline that reads a text of normal and one of anomalous pictures: template


class Backend(Protocol):
    """A model behind a stream: requests in, outcomes out, in any order."""

    @property
    def capabilities(self) -> Capabilities:
        """Say what can be asked."""
        ...

    def answer(self, requests: Iterable[Request]) -> Iterator[tuple[str, Outcome]]:
        """Yield (request key, outcome) as outcomes complete.

        Pulls lazily and never raises for one request; raises BackendUnavailable at most once, for all of them.
        """
        ...


class Scorer(Protocol):
    """A pure reading of answers: no network, no model names."""

    name: str
    version: str

    def judge(self, items: Sequence[Item]) -> Sequence[Judgement]:
        """Return one judgement an item, in order."""
        ...


@runtime_checkable
class RepeatScorer(Protocol):
    """A reading of all answers to one question together; its judgement is kept with the first of them."""

    name: str
    version: str

    def judge_repeats(self, items: Sequence[Item]) -> Judgement:
        """Return one judgement of every repeat of one sample in one cell and round."""
        ...
