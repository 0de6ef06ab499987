"""The encoding of a text file, recognised from its bytes, and the file in UTF-8.

By its byte order mark, else by the charset that the request states, else UTF-8, else from all
bytes. Names are short and few, so statistics of languages seldom tell: an encoding is left out if
its words are none (two alphabets in a word, a capital after a small letter, a sign between
letters, rare characters only). If those that are left read different texts, the file is refused.

>>> detected("Köln,Wörth".encode("cp1252"))
'cp1252'
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from functools import partial
from pathlib import Path

from charset_normalizer import from_bytes

from models.data.reading.column_names import canonical_name
from utils.errors import Detail, InvalidInput, UnsupportedMedia

_CHUNK = 1 << 20
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# In the order of preference where several read the same text.
_SINGLE = ("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1257", "mac_roman", "iso8859_2",
           "koi8_r")  # fmt: skip
# Codec → the first bytes of its common characters, as code page and ranges.
_DOUBLE = {
    "gb18030": [(0xB0, 0xD7), (0xA1, 0xA3)],
    "big5": [(0xA4, 0xC6), (0xA1, 0xA1)],
    "cp932": [(0x81, 0x83), (0x88, 0x97)],
    "euc_jp": [(0xA1, 0xA1), (0xA4, 0xA5), (0xB0, 0xCF)],
    "cp949": [(0xB0, 0xC8), (0xA1, 0xA1)],
}
# What is stated is often narrower than what is written.
_WIDER = {"shift_jis": "cp932", "gb2312": "gb18030", "gbk": "gb18030", "euc_kr": "cp949",
          "iso8859-1": "cp1252", "ascii": "utf-8", "big5": "cp950"}  # fmt: skip
_WESTERN = ("cp1252", "iso8859-1", "iso8859-15", "ascii", "mac-roman")
KNOWN = ("utf-8", "utf-16", "utf-32", *_SINGLE, *_DOUBLE, *_WIDER, "iso8859-15", "iso8859-5",
         "iso8859-9", "cp437", "cp850", "cp852", "cp866", "cp874", "cp1255", "cp1256", "cp1258",
         "cp950", "iso2022_jp", "utf-16-le", "utf-16-be", "mac_latin2", "mac_cyrillic")  # fmt: skip
_NAMES = {codecs.lookup(name).name for name in KNOWN}
# A field of a table in which there is more than ASCII: no second byte of a double-byte encoding is
# one of these separators.
_FIELD = re.compile(rb'[^,;\t"\r\n]*[\x80-\xff][^,;\t"\r\n]*')
# Signs that stand beside words, and in tables of every language.
_SIGNS = "°–—‘’“”„«»•…"
_ALONE = "€£¥©®™²³µ·×±§½¼¾′″"  # another encoding has letters there: only by themselves
# A letter between digits, or a no-break space before a small letter: a sign of another encoding.
_ODD = re.compile(r"\d[^\x00-\x7f\W\d_]\d|[^\W\d_]\u00a0[a-z]")
_LINE = 30  # bytes that names of columns take in UTF-16 at least
_FIELDS = 5000  # distinct fields that are looked at


def as_utf8(path: Path, target: Path, stated: str | None = None) -> tuple[Path, str]:
    """Return a file with the text in UTF-8, `path` itself if it is that, and the encoding found.

    Args:
        target: where to write the text if it is in another encoding.
        stated: the encoding that the request states.

    Raises:
        InvalidInput: the stated encoding is unknown or cannot be the file's, or several can be.
        UnsupportedMedia: the file is no text.
    """
    with path.open("rb") as file:
        start = file.read(4)
    found = next((name for mark, name in _BOMS if start.startswith(mark)), None)
    if found is None:
        found = _by_bytes(path, _codec(stated) if stated else None)
    if found == "utf-8":
        return path, found
    if not _rewritten(path, target, found):
        raise _no_text(found)
    return target, found


def _codec(stated: str) -> str:
    """The name of a stated encoding."""
    try:
        name = codecs.lookup(stated.strip()).name
    except (LookupError, ValueError):
        name = ""
    if name not in _NAMES:
        rule = f"must be one of {', '.join(sorted(_NAMES))}"
        raise InvalidInput.of("encoding", rule, stated[:60])
    return name


def _no_text(encoding: str) -> InvalidInput:
    return InvalidInput.of("encoding", "must be that of the file, which is no text in it", encoding)


def _by_bytes(path: Path, stated: str | None) -> str:
    with path.open("rb") as file:
        wide = "" if stated else _without_mark(file.read(_CHUNK))
    if wide and _decodes(path, wide):
        return wide
    is_utf8 = _decodes(path, "utf-8")
    if stated and stated != "utf-8":
        return _checked(path, stated, is_utf8)
    if is_utf8:
        _refuse_binary(path)
        return "iso2022_jp" if _has_escapes(path) and _decodes(path, "iso2022_jp") else "utf-8"
    if stated:
        raise _no_text(stated)
    _refuse_binary(path)
    return detected(path.read_bytes())


def _checked(path: Path, stated: str, is_utf8: bool) -> str:
    """A stated encoding, or the wider one of the same kind, if the file can be in it."""
    if stated in _WESTERN and is_utf8 and not _decodes(path, "ascii"):
        raise _several({"utf-8": "", stated: ""}, f"the request states {stated}")
    for codec in (stated, _WIDER.get(stated, "")):
        if codec and _decodes(path, codec):
            return codec
    raise _no_text(stated)


def _decodes(path: Path, codec: str) -> bool:
    decoder = codecs.getincrementaldecoder(codec)("strict")
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                if codec != "utf-8" or decoder.getstate()[0] or not chunk.isascii():
                    decoder.decode(chunk)
        decoder.decode(b"", True)
    except UnicodeError:
        return False
    return True


def _refuse_binary(path: Path) -> None:
    with path.open("rb") as file:
        if b"\x00" in file.read(_CHUNK):
            raise UnsupportedMedia(
                "The content is neither Parquet, nor a spreadsheet, nor JSON, nor CSV: it is "
                "binary."
            )


def _has_escapes(path: Path) -> bool:
    """Return true for a file that changes between alphabets by signs of ASCII, as ISO-2022 does."""
    with path.open("rb") as file:
        return any(b"\x1b" in chunk for chunk in iter(partial(file.read, _CHUNK), b""))


def _without_mark(start: bytes) -> str:
    """UTF-16 without a byte order mark: every other byte of ASCII is zero."""
    for begin, codec in ((1, "utf-16-le"), (0, "utf-16-be")):
        zeros, others = start[begin::2].count(0), start[1 - begin :: 2].count(0)
        if len(start) > _LINE and zeros > 0.3 * len(start) / 2 and others == 0:
            return codec
    return ""


def _rewritten(path: Path, target: Path, codec: str) -> bool:
    """Write a file in UTF-8; return false if it is no text in the codec."""
    decoder = codecs.getincrementaldecoder(codec)("strict")
    try:
        with path.open("rb") as file, target.open("wb") as out:
            while chunk := file.read(_CHUNK):
                out.write(decoder.decode(chunk).encode())
            out.write(decoder.decode(b"", True).encode())
    except UnicodeError:
        return False
    return True


# --- from all bytes ---------------------------------------------------------------------------


def detected(content: bytes) -> str:
    """Return the encoding of a text that is not in UTF-8.

    Raises:
        InvalidInput: several encodings read different texts; the sentence names them.
    """
    fields = sorted(set(_FIELD.findall(content)))[:_FIELDS]
    sample = b"\n".join(fields)
    texts: dict[str, str] = {}
    for codec in (*_SINGLE, *_DOUBLE):
        try:
            text = sample.decode(codec)
        except UnicodeError:
            continue
        if _is_plausible(text, codec):
            texts[codec] = text
    if not texts:
        raise _several(_possible(sample), "the file is not in UTF-8, and its words are too few")
    named = {codec: _known_names(text) for codec, text in texts.items()}
    texts = {codec: text for codec, text in texts.items() if named[codec] == max(named.values())}
    if len(set(texts.values())) == 1:
        return next(iter(texts))
    return _by_language(sample, texts)


def _possible(sample: bytes) -> dict[str, str]:
    """The texts of encodings in which the bytes are letters, plausible ones or not."""
    texts = {}
    for codec in (*_SINGLE, "cp850", *_DOUBLE):
        try:
            text = sample.decode(codec)
        except UnicodeError:
            continue
        if not _has_controls(text):
            texts[codec] = text
    return texts


def _known_names(text: str) -> int:
    """The number of fields that name a known column, which no wrong encoding makes up."""
    return sum(canonical_name(field) is not None for field in text.splitlines()[:1000])


def _by_language(sample: bytes, texts: dict[str, str]) -> str:
    """The encoding whose text alone is coherent in a language, by charset-normalizer."""
    found = from_bytes(sample, cp_isolation=list(texts), enable_fallback=False)
    ranked = sorted(found, key=lambda match: -match.coherence)
    rivals = [match for match in ranked[1:] if str(match) != str(ranked[0])]
    if ranked and ranked[0].coherence >= 0.6 and all(m.coherence < 0.3 for m in rivals):
        best = str(ranked[0].encoding)
        if best in texts:
            return best
    raise _several(texts, "it is not in UTF-8")


def _several(texts: dict[str, str], why: str) -> InvalidInput:
    examples = {
        codec: next((line for line in text.splitlines() if line.strip()), "").strip()[:30]
        for codec, text in texts.items()
    }
    listed = ", ".join(f"{codec} ({text})" if text else codec for codec, text in examples.items())
    rule = f"must be given, as {why}; possible are {listed or ', '.join(KNOWN[:12])}, or another"
    return InvalidInput(f"encoding: {rule}", [Detail("encoding", rule)])


def _is_plausible(text: str, codec: str) -> bool:
    if _has_controls(text):
        return False
    if codec in _DOUBLE:
        return _is_common(text, codec)
    if _ODD.search(text):
        return False
    # Words end at any sign of ASCII: what another encoding makes of letters lies beyond it.
    words = [word for word in re.findall(r"[^\s\x00-@\[-`{-\x7f]+", text) if not word.isascii()]
    has_signs = bool(words)
    words = [word.strip(_SIGNS) for word in words if word.strip(_ALONE)]
    if not all(map(_is_word, filter(None, words))):
        return False
    letters = "".join(words)
    latin = [word for word in words if word and _script(word) == "LATIN"]
    accented = sum(not sign.isascii() for word in latin for sign in word)
    return accented <= 0.75 * len("".join(latin)) if latin else bool(letters) or has_signs


def _has_controls(text: str) -> bool:
    """Return true for texts with signs that nobody writes."""
    signs = set(text) - {"\n", "\t"}
    return any(unicodedata.category(sign) in ("Cc", "Co", "Cn") for sign in signs)


def _is_word(word: str) -> bool:
    """Return true for letters of one alphabet, in small letters, capitals, or with one first."""
    if not all(sign.isalpha() or unicodedata.combining(sign) for sign in word):
        return False
    if len({_script(sign) for sign in word if sign.isalpha()}) > 1 or set(word) & set("ƒªºﬁﬂµΐΰΪΫ"):
        return False
    return word.islower() or word.isupper() or word[1:].islower()


def _script(text: str) -> str:
    return unicodedata.name(text[0], "UNKNOWN").split()[0]


def _is_common(text: str, codec: str) -> bool:
    """Return true if most characters are common ones, and none lies between small letters."""
    if re.search(r"[a-zA-Z][^\x00-\x7f][a-z]", text):
        return False
    wide = [sign for sign in text if not sign.isascii()]
    common = 0
    for sign in wide:
        raw = sign.encode(codec)
        common += len(raw) == 2 and any(low <= raw[0] <= high for low, high in _DOUBLE[codec])
    return common >= 0.85 * len(wide)
