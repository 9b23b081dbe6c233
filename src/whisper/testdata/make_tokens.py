#!/usr/bin/env python3
"""make_tokens.py MODELS: writes tokens.json beside itself, what tokenizer_test.c compares with.

MODELS holds base/ and tiny.en/. Needs the packages tokenizers, faster-whisper, tiktoken and, for
its vocabularies, openai-whisper. Every text is encoded by both Hugging Face's tokenizers and
OpenAI's tiktoken; where they differ it says so and takes tiktoken's: the tokenizer.json of the
multilingual models lacks the merge of space and t, so that after another word "the" becomes two
tokens there, which the model was never trained on.
"""

import base64
import importlib.util
import json
import os
import random
import sys

import tiktoken
import tokenizers
from faster_whisper.tokenizer import _LANGUAGE_CODES, Tokenizer
from faster_whisper.transcribe import get_suppressed_tokens

TEXTS = [
    "", " ", "  ", "\n", "\r\n", "\t\tx", "a", " a", "  a", "Hello, world!", " Hello world", "hello  world   ",
    "I'm you're he'll they've it's don't I'd 'tis 's'S 'RE o'clock", "rock'n'roll's", "it’s “quoted” – dash — …",
    "1 12 123 1234 12345678901234567890 3.14159 1,000,000.50 -7 +8 50% €9.99 $5 ½ ² Ⅷ ٣٤ ४५",
    "The quick brown fox jumps over the lazy dog. " * 4, "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "ababababababab", "!!!???...,,,;;;---___***###",
    "<|endoftext|><|startoftranscript|><|en|><|0.00|>", "def f(x):\n    return x ** 2  # comment\n\n\n",
    "https://example.com/path?query=1&other=two#part", "user@example.org", "C:\\folder\\file.txt", "/usr/bin/env",
    "Straße, Übergröße, schön; naïve façade, coöperate, Ångström, Žluťoučký kůň", "e\u0301 vs é, n\u0303 vs ñ",
    "Привет, мир! Как дела? Ёлка", "Γειά σου Κόσμε", "שלום עולם", "مرحبا بالعالم ، كيف حالك؟", "नमस्ते दुनिया, कैसे हो?",
    "你好,世界!今天天气怎么样?", "こんにちは世界。カタカナ、ひらがな、漢字", "안녕하세요 세계", "สวัสดีชาวโลก", "Xin chào thế giới",
    "হ্যালো বিশ্ব", "வணக்கம் உலகம்", "გამარჯობა მსოფლიო", "Բարեւ աշխարհ", "မင်္ဂလာပါ", "ສະບາຍດີ", "ሰላም ልዑል",
    "😀😃 👨‍👩‍👧‍👦 🇩🇪 ☕️ ♪♪♪ ♩ ♫ ♬ ♭ ♮ ♯", "「引用」『二重』", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐍈 𠜎", "\u00a0nbsp\u00a0 \u3000wide\u3000 \u2003em \u200bzero \u180emvs \ufeffbom",
    "\u2028line\u2029par", "tab\tbar\x0bvt\x0cff\x85nel", "\u0001\u0002\u007f", "[music] (laughs) ♪ la la ♪ -- >> Speaker:",
    " ...and so on", "Dr. Smith's 2nd-best 90-year-old's", "ＦＵＬＬ ｗｉｄｔｈ １２３", "ǅ ʰ ª º ¹ ³ ㊀ ㈱", "א֑ב ﬁ ﷺ", "\ufffd", "x\u0300\u0301\u0302y",
]  # fmt: skip


def random_texts(rng):
    ranges = [(32, 127), (0xA0, 0x250), (0x370, 0x530), (0x590, 0x700), (0x900, 0xE00), (0x2000, 0x2100),
              (0x3000, 0x3100), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0x1F300, 0x1F650)]  # fmt: skip
    for _ in range(150):
        low, high = rng.choice(ranges)
        letters = [chr(rng.choice([rng.randrange(low, high), rng.randrange(low, high), 32, 10, rng.randrange(33, 127)]))
                   for _ in range(rng.randrange(1, 40))]  # fmt: skip
        yield "".join(letters)


def openai_encoding(name):
    """tiktoken with the ranks in openai-whisper's assets and GPT-2's pattern."""
    folder = importlib.util.find_spec("whisper").submodule_search_locations[0]
    ranks = {}
    with open(os.path.join(folder, "assets", name + ".tiktoken"), encoding="ascii") as file:
        for line in file:
            token, rank = line.split()
            # One token of the multilingual vocabulary is empty, and written as "=".
            ranks[base64.b64decode(token) if token != "=" else b""] = int(rank)
    pattern = r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
    return tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=ranks, special_tokens={})


def main():
    models = sys.argv[1]
    rng = random.Random(1)
    texts = TEXTS + list(random_texts(rng))
    golden = {"texts": texts, "models": {}}
    for name in ("base", "tiny.en"):
        fast = tokenizers.Tokenizer.from_file(os.path.join(models, name, "tokenizer.json"))
        openai = openai_encoding("multilingual" if name == "base" else "gpt2")
        encoded = [fast.encode(text, add_special_tokens=False).ids for text in texts]
        for i, text in enumerate(texts):
            # Hugging Face's gives special tokens for their names; here they are plain text.
            plain = openai.encode(text, disallowed_special=())
            if encoded[i] != plain:
                print(f"{name}: differ, taking tiktoken's: {text!r}", file=sys.stderr)
                encoded[i] = plain
        end = fast.token_to_id("<|endoftext|>")
        zero = fast.token_to_id("Ā")
        sequences = [[rng.randrange(end) for _ in range(rng.randrange(1, 12))] for _ in range(60)]
        sequences += [[rng.randrange(94, 256) for _ in range(8)] for _ in range(40)]
        sequences = [[token for token in tokens if token != zero] for tokens in sequences]
        wrapped = Tokenizer(fast, name == "base", "transcribe", "en")
        golden["models"][name] = {
            "encoded": encoded,
            "sequences": sequences,
            "decoded": [wrapped.decode(tokens) for tokens in sequences],
            "suppressed": list(get_suppressed_tokens(wrapped, [-1])),
            "languages": {code: fast.token_to_id(f"<|{code}|>") for code in _LANGUAGE_CODES},
        }
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "tokens.json"), "w", encoding="utf-8") as file:
        json.dump(golden, file, ensure_ascii=True, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
