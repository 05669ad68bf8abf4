"""A Whisper of 32 dimensions in CTranslate2's format, whose weights are written by hand.

It is loaded and run as any other, and hears one thing: whether a voice is dull or sharp. For a dull
one it writes DULL in French, for a sharp one SHARP in English. The encoder passes on the mean of
the low and of the high half of the spectrum, the decoder adds their difference to what the position
says, and the projection reads the word off: no layer was trained.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

if TYPE_CHECKING:
    from ctranslate2.specs import WhisperSpec

DULL = ("Mon", "employeur", "refuse", "mes", "congés", "payés")
SHARP = ("My", "boss", "cancelled", "our", "summer", "holidays")
WIDTH, DIFFERENCE = 32, 31
FIRST_WORD = 3
"""After the start, the language and the task, which the first timestamp follows."""
BALANCE = 0.15
"""What eSpeak's voices have more of low sounds than of high ones."""
TIMESTAMPS = 1_501
END_OF_TEXT = 50_257
LANGUAGES = ("en", "fr", "th", "zh", *(f"x{at}" for at in range(95)))
"""By these numbers, and an empty token before, CTranslate2 knows a multilingual Whisper."""
SPECIAL = (
    "<|endoftext|>", "<|startoftranscript|>", *(f"<|{language}|>" for language in LANGUAGES),
    "<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>",
    "<|notimestamps|>",
)  # fmt: skip
Weights = NDArray[np.float32]


def write_model(
    folder: Path,
    *,
    dull: Sequence[str] = DULL,
    sharp: Sequence[str] = SHARP,
    sureness: float = 8.0,
) -> Path:
    """Write the model's files. `sureness` scales how sure it is of each word."""
    from ctranslate2.specs import WhisperSpec  # here: it takes two seconds to import, with PyTorch

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words = {word: byte_level.pre_tokenize_str(f" {word}")[0][0] for word in (*dull, *sharp)}
    unused = [f"unused{at}" for at in range(END_OF_TEXT - len(letters) - len(words) - 1)]
    stamps = [f"<|{at * 0.02:.2f}|>" for at in range(TIMESTAMPS)]
    tokens = [*letters, *words.values(), *unused, "", *SPECIAL, *stamps]
    number = {token: at for at, token in enumerate(tokens)}
    _write_tokenizer(folder, number)

    spec = WhisperSpec(1, 1, 1, 1)
    _fill_encoder(spec)
    projection = _zeros(len(tokens), WIDTH)
    projection[number["<|0.00|>"], FIRST_WORD - 1] = 1
    for language, said, sign in (("fr", dull, -1), ("en", sharp, 1)):
        projection[number["<|endoftext|>"], FIRST_WORD + len(said)] = 1
        projection[number[f"<|{language}|>"], [0, DIFFERENCE]] = 1, sign
        for at, word in enumerate(said):
            projection[number[words[word]], [FIRST_WORD + at, DIFFERENCE]] = 1, sign
    _fill_decoder(spec, projection * np.float32(sureness))

    spec.register_vocabulary(tokens)
    spec.config.lang_ids = [number[f"<|{language}|>"] for language in LANGUAGES]
    spec.config.suppress_ids = spec.config.suppress_ids_begin = []
    spec.config.alignment_heads = [(0, 0)]
    spec.validate()
    spec.optimize(quantization="int8")
    spec.save(str(folder))
    return folder


def _write_tokenizer(folder: Path, number: dict[str, int]) -> None:
    tokenizer = Tokenizer(models.BPE(vocab=number, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))


def _fill_encoder(spec: "WhisperSpec") -> None:
    first, second = _zeros(WIDTH, 80, 3), _zeros(WIDTH, WIDTH, 3)
    first[0, :40, 1] = first[1, 40:, 1] = 1 / 40
    second[0, 0, 1] = second[1, 1, 1] = 1
    encoder = spec.encoder
    encoder.conv1.weight, encoder.conv1.bias = first, _zeros(WIDTH)
    encoder.conv2.weight, encoder.conv2.bias = second, _zeros(WIDTH)
    encoder.position_encodings.encodings = _zeros(1_500, WIDTH)
    _fill_norm(encoder.layer_norm)
    _pass_on(encoder.layer[0])


def _fill_decoder(spec: "WhisperSpec", projection: Weights) -> None:
    decoder, layer = spec.decoder, spec.decoder.layer[0]
    positions = _zeros(448, WIDTH)
    for at in range(DIFFERENCE):
        positions[at, at] = 1
    decoder.embeddings.weight = _zeros(len(projection), WIDTH)
    decoder.position_encodings.encodings = positions
    decoder.projection.weight = projection
    _pass_on(layer)
    query, key_value, out = layer.attention.linear
    _fill_linear(query, WIDTH)
    _fill_linear(key_value, 2 * WIDTH)
    key_value.weight[WIDTH : WIDTH + 2, :2] = np.eye(2)
    _fill_linear(out, WIDTH)
    out.weight[DIFFERENCE, :2] = -1, 1
    out.bias[DIFFERENCE] = BALANCE
    _fill_norm(decoder.layer_norm)
    _fill_norm(layer.attention.layer_norm)


def _pass_on(layer: Any) -> None:
    """Have a layer's self-attention and feed-forward add nothing."""
    for part in (layer.self_attention, layer.ffn):
        _fill_norm(part.layer_norm)
    _fill_linear(layer.self_attention.linear[0], 3 * WIDTH)
    _fill_linear(layer.self_attention.linear[1], WIDTH)
    _fill_linear(layer.ffn.linear_0, WIDTH)
    _fill_linear(layer.ffn.linear_1, WIDTH)


def _fill_linear(linear: Any, rows: int) -> None:
    linear.weight, linear.bias = _zeros(rows, WIDTH), _zeros(rows)


def _fill_norm(norm: Any) -> None:
    norm.gamma, norm.beta = np.ones(WIDTH, np.float32), _zeros(WIDTH)


def _zeros(*shape: int) -> Weights:
    return np.zeros(shape, np.float32)
