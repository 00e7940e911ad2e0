"""Ask a loaded model: generate, or score yes and no as the next word. Imported late: needs the `local` extra."""

import hashlib
import inspect
from collections.abc import Sequence
from threading import Lock
from typing import Any

import torch
from transformers import GenerationConfig

from vlm_eval.backends.local_model import LoadedModel
from vlm_eval.backends.local_prompt import OutOfMemory, Prepared, Refused
from vlm_eval.backends.local_seen import note_seen
from vlm_eval.errors import BackendUnavailable
from vlm_eval.flow import Answer, Finish, Generation, YesNo

_NO_MEMORY = ("out of memory", "not enough memory", "can't allocate memory")
# What processors and models raise for an input that they were not written for, and torch for memory and devices.
_REFUSALS = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
)
_WORD_STARTS = "▁ĠĊ \n"  # how SentencePiece and byte-level tokenizers write what stands before a word


class TransformersEngine:
    """A model of transformers behind the Engine seam of vlm_eval.backends.local."""

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded = loaded
        self._yes, self._no = yes_no_tokens(loaded.tokenizer)
        self._tokenizing = Lock()  # the tokenizer's padding is changed in place; the next batch is encoded ahead

    def encode(self, items: Sequence[Prepared]) -> Any:
        """Run the processor over a batch. Raises Refused where a picture or the prompt does not fit the model."""
        try:
            with self._tokenizing:
                inputs = self._process(items)
        except _REFUSALS as error:
            raise _translate(error) from error
        self._check_length(inputs)
        self._check_image_tokens(items, inputs)
        return inputs

    def ask(self, items: Sequence[Prepared], inputs: Any) -> list[Answer]:
        """Generate for a batch of one generation setting, or score its next word."""
        generation = items[0].request.generation
        _check_sampling(generation)
        try:
            with torch.inference_mode():
                placed = inputs.to(self._loaded.model.device, dtype=self._loaded.model.dtype)
                answers = self._score(placed) if generation.yes_no else self._generate(items, placed, generation)
            return note_seen(answers, items, inputs, self._loaded.processor, self._loaded.image_token)
        except _REFUSALS as error:
            raise _translate(error) from error

    def _process(self, items: Sequence[Prepared]) -> Any:
        processor, tokenizer = self._loaded.processor, self._loaded.tokenizer
        texts = [item.text for item in items]
        options: dict[str, Any] = {"padding": True, "return_tensors": "pt"}
        if tokenizer.bos_token is not None and texts[0].startswith(tokenizer.bos_token):
            options["add_special_tokens"] = False  # the chat template wrote it already
        if items[0].pictures:
            options["images"] = [list(item.pictures) for item in items]
        inputs = processor(text=texts, **options)
        if "token_type_ids" not in inspect.signature(self._loaded.model.forward).parameters:
            inputs.pop("token_type_ids", None)
        return inputs

    def _check_length(self, inputs: Any) -> None:
        length, longest = inputs["input_ids"].shape[1], self._loaded.longest
        if longest is not None and length >= longest:
            raise Refused(
                f"The prompt takes {length} tokens, pictures included; the model knows {longest} positions. Ask"
                " with fewer or smaller pictures or a shorter text."
            )

    def _check_image_tokens(self, items: Sequence[Prepared], inputs: Any) -> None:
        """Refuse pictures that left no trace in the input: some models would silently answer without them."""
        if self._loaded.image_token is None or not items[0].pictures:
            return
        if not (inputs["input_ids"] == self._loaded.image_token).any(dim=1).all():
            raise Refused(
                "The processor wrote no image token for a picture, so the model would not see it. Name a revision"
                " of the checkpoint whose processor and configuration agree."
            )

    def _generate(self, items: Sequence[Prepared], inputs: Any, generation: Generation) -> list[Answer]:
        keys = [item.request.key for item in items]
        noise = [SeededNoise(generation.temperature, keys)] if generation.temperature > 0 else []
        ids = self._loaded.model.generate(
            **inputs, generation_config=_settings(generation), logits_processor=noise or None
        )
        prompts = inputs["attention_mask"].sum(dim=1).tolist()
        # A decoder of its own begins with a start token instead of the prompt.
        decoder = self._loaded.model.config.is_encoder_decoder
        new = ids[:, 1:] if decoder else new_tokens(inputs["input_ids"], ids)
        with self._tokenizing:
            return [self._answer(row, prompt) for row, prompt in zip(new.tolist(), prompts, strict=True)]

    def _answer(self, row: list[int], prompt_tokens: int) -> Answer:
        said, finish = until_end(row, self._end_tokens())
        return Answer(
            text=str(self._loaded.tokenizer.decode(said, skip_special_tokens=True)).strip(),
            finish=finish,
            prompt_tokens=prompt_tokens,
            completion_tokens=len(said),
            served_model=self._loaded.served,
        )

    def _end_tokens(self) -> frozenset[int]:
        end = self._loaded.model.generation_config.eos_token_id
        return frozenset(end if isinstance(end, list) else [] if end is None else [end])

    def _score(self, inputs: Any) -> list[Answer]:
        """Read the next word's distribution: one forward pass, with `generate` placing the padded positions."""
        if not (self._yes and self._no):
            raise Refused(
                "The tokenizer has no token that begins only yes or only no. Ask without the yes/no score."
            )
        settings = GenerationConfig(
            max_new_tokens=1, do_sample=False, num_beams=1, output_logits=True, return_dict_in_generate=True
        )
        logits = self._loaded.model.generate(**inputs, generation_config=settings).logits[0]
        scores = torch.log_softmax(logits.double(), dim=-1)
        yes, no = (torch.logsumexp(scores[:, sorted(ids)], dim=-1).tolist() for ids in (self._yes, self._no))
        prompts = inputs["attention_mask"].sum(dim=1).tolist()
        return [
            Answer(
                text="yes" if row_yes >= row_no else "no",
                prompt_tokens=prompt,
                completion_tokens=1,
                yes_no=YesNo(row_yes, row_no),
                served_model=self._loaded.served,
            )
            for row_yes, row_no, prompt in zip(yes, no, prompts, strict=True)
        ]


class SeededNoise:
    """Turns greedy search into sampling at a temperature, with a generator of its own for every row.

    The argmax of logits / T + Gumbel noise is a sample of softmax(logits / T) (the Gumbel-max trick; Maddison,
    Tarlow and Minka 2014, section 2). A row's noise hangs on its key alone, not on its neighbours in the batch.
    """

    def __init__(self, temperature: float, keys: Sequence[str]) -> None:
        self._temperature = temperature
        self._generators = [torch.Generator().manual_seed(_seed(key)) for key in keys]

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Return the scores [batch, vocabulary] with noise."""
        waits = [torch.empty(scores.shape[1]).exponential_(generator=row) for row in self._generators]
        gumbel = -torch.stack(waits).log()
        return scores / self._temperature + gumbel.to(scores.device)


def new_tokens(prompt: Any, returned: Any) -> Any:
    """Return what was generated, [batch, new]: some models return the prompt before it, some do not."""
    length = prompt.shape[1]
    if returned.shape[1] >= length and torch.equal(returned[:, :length], prompt):
        return returned[:, length:]
    return returned


def until_end(row: Sequence[int], end_tokens: frozenset[int]) -> tuple[list[int], Finish]:
    """Cut a row at its end token; a row without one was stopped by the limit."""
    for place, token in enumerate(row):
        if token in end_tokens:
            return list(row[:place]), "stop"
    return list(row), "length"


def yes_no_tokens(tokenizer: Any) -> tuple[frozenset[int], frozenset[int]]:
    """Collect the tokens that are the word yes, and those that are no, in any case and with or without a space.

    A tokenizer that has no token for either whole word falls back to first tokens that begin only one of them.
    """
    vocabulary = {token: piece.lstrip(_WORD_STARTS).casefold() for piece, token in tokenizer.get_vocab().items()}
    whole = [frozenset(token for token, piece in vocabulary.items() if piece == word) for word in ("yes", "no")]
    if all(whole):
        return whole[0], whole[1]
    yes, no = _first_tokens(tokenizer, "yes"), _first_tokens(tokenizer, "no")
    return yes - no, no - yes


def _first_tokens(tokenizer: Any, word: str) -> frozenset[int]:
    forms = [space + form for space in ("", " ") for form in (word, word.capitalize(), word.upper())]
    unknown = {tokenizer.unk_token_id}
    return frozenset(tokenizer.encode(form, add_special_tokens=False)[0] for form in forms) - unknown


def _settings(generation: Generation) -> GenerationConfig:
    beams: dict[str, Any] = {}
    if generation.beams > 1:
        beams["length_penalty"] = 1.0 if generation.length_penalty is None else generation.length_penalty
    return GenerationConfig(
        max_new_tokens=generation.max_tokens, do_sample=False, num_beams=generation.beams, **beams
    )


def _check_sampling(generation: Generation) -> None:
    if generation.temperature > 0 and generation.beams > 1 and not generation.yes_no:
        raise Refused(
            f"Temperature {generation.temperature} with {generation.beams} beams: a beam search does not sample."
            " Set the temperature to 0, or the beams to 1."
        )


def _seed(key: str) -> int:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:7], "big")


def _translate(error: Exception) -> Exception:
    """Tell apart what memory, the device and the request itself are to blame for."""
    message = str(error) or type(error).__name__
    if isinstance(error, torch.OutOfMemoryError | MemoryError) or any(sign in message for sign in _NO_MEMORY):
        return OutOfMemory(f"Not enough memory for the batch: {message}")
    if "CUDA error" in message:
        return BackendUnavailable(f"The CUDA device failed and answers no more requests: {message}")
    return Refused(f"The model does not take the prompt: {message}")
