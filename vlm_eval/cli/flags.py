"""The flags of the commands that ask models, by name; those of data and prompts are in options.py."""

from pathlib import Path
from typing import Annotated

import typer

OutFlag = Annotated[Path | None, typer.Option(help="Run folder; by default runs/<name>. Running again resumes.")]
ShardFlag = Annotated[
    str | None, typer.Option(help="i/n: ask only the i-th of n shares, for arrays of jobs; then `merge`.")
]
ExecutorFlag = Annotated[
    str, typer.Option(help="here, or ray: a pool of workers on RAY_ADDRESS, else on this machine.")
]
WorkersFlag = Annotated[
    int | None, typer.Option(help="Ray workers, each with the model; by default one a CPU or GPU share.")
]
WorkerGpusFlag = Annotated[float, typer.Option(help="GPUs of a Ray worker.")]
DryRunFlag = Annotated[bool, typer.Option("--dry-run", help="Say what would be asked, and spend nothing.")]
LocalOnlyFlag = Annotated[bool, typer.Option("--local-only", help="Refuse models that pictures would leave for.")]
ConcurrencyFlag = Annotated[int | None, typer.Option(help="Requests in flight, for remote models.")]
BaseUrlFlag = Annotated[str | None, typer.Option(help="OpenAI-compatible server (or OPENAI_BASE_URL).")]
RequestsPerMinuteFlag = Annotated[float | None, typer.Option(help="For remote models.")]
TokensPerMinuteFlag = Annotated[float | None, typer.Option(help="In and out; for remote models.")]
TimeoutFlag = Annotated[float | None, typer.Option(help="Seconds a call, for remote models.")]
DetailFlag = Annotated[str | None, typer.Option(help="low, high or auto pictures, for remote models.")]
ReasoningEffortFlag = Annotated[
    str | None, typer.Option(help="minimal, low, medium, high; for remote reasoning models.")
]
BatchFlag = Annotated[
    bool | None,
    typer.Option("--batch", help="Ask through OpenAI's Batch API: half the price, within 24 hours."),
]
BatchSizeFlag = Annotated[int | None, typer.Option(help="For local models.")]
ThreadsFlag = Annotated[int | None, typer.Option(min=1, help="CPU threads, for local models.")]
DeviceFlag = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:0 ...; for local models.")]
DtypeFlag = Annotated[str | None, typer.Option(help="float32, bfloat16, float16; for local models.")]
QuantizationFlag = Annotated[str | None, typer.Option(help="8bit or 4bit (needs CUDA).")]
RevisionFlag = Annotated[str | None, typer.Option(help="Pinned revision of the checkpoint.")]
MaxTokensFlag = Annotated[int | None, typer.Option(help="Longest answer, in tokens.")]
TemperatureFlag = Annotated[float | None, typer.Option(help="0 is greedy.")]
RepeatsFlag = Annotated[int | None, typer.Option(help="How often each question is asked.")]
SentinelsFlag = Annotated[
    int | None,
    typer.Option(min=1, help="Ask so many items at the start and again at the end, to show drift; say 50."),
]
YesNoFlag = Annotated[
    bool | None,
    typer.Option(
        "--yes-no/--no-yes-no", help="Ask the forced yes/no follow-up, for AUROC. Default: local models."
    ),
]
AfterAnswerFlag = Annotated[
    bool, typer.Option("--after-answer", help="Ask the forced yes/no after the model's own answer instead.")
]
RoundsFlag = Annotated[
    str | None, typer.Option(help="Follow-ups after each answer, in order: look-again,check-each-rule ...")
]
RoundsFeedbackFlag = Annotated[
    Path | None, typer.Option(help="CSV of texts for the round `feedback`: sample_id, round, text.")
]
ProbeFlag = Annotated[
    str | None, typer.Option(help="Controls on the same items: look,read, or names: blank,swap,no-class ...")
]
ScorerFlag = Annotated[list[str] | None, typer.Option("--scorer", help="verdict, words, labels ... Repeatable.")]
PricesFlag = Annotated[Path | None, typer.Option(help="Price file (YAML): USD per million tokens by model.")]
MaxCostFlag = Annotated[
    float | None, typer.Option(help="Most USD that the whole run folder may cost; needs --prices.")
]
MaxMinutesFlag = Annotated[float | None, typer.Option(help="Ask nothing new after so many minutes.")]
