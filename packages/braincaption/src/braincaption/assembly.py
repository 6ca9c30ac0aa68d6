"""Programs, nouns and a volume's counts in, the bytes of its captions out: one compiled loop, no Python per slice.

Structures of one pair are joined, the groups sorted by size, and when the caption has more tokens than allowed the
smallest groups are left out until it fits. Tokens are summed over words (split at spaces) from a table of counts; a
word that is not in the table yet is handed back, counted once by the tokenizer, and the volume is done again.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from braincaption.frames import AGREE, IF_LEVEL, LEVEL, LIST, POSITION, TEXT

# A caption longer than this many bytes cannot come up: 20 wordings of 500 structures stay below.
LONGEST_CAPTION = 1 << 17
_FNV_START, _FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_FIRST_WORD = np.uint64(0x9E3779B97F4A7C15)
UNLIMITED = 0


@numba.njit(cache=True, nogil=True, inline="always")
def _mixed(value):  # type: ignore[no-untyped-def]
    # splitmix64's finaliser (Steele, Lea, Flood 2014): every input bit reaches every output bit.
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@numba.njit(cache=True, nogil=True)
def draw_templates(volume_hash, plane, index, count):  # type: ignore[no-untyped-def]
    """Return which of `count` wordings each slice gets: a hash of the volume's hash, plane and index."""
    drawn = np.empty(len(index), np.uint8)
    for row in range(len(index)):
        key = np.uint64(plane[row]) << np.uint64(32) | np.uint64(index[row])
        drawn[row] = np.uint8(_mixed(volume_hash + _mixed(key + _FIRST_WORD)) % np.uint64(count))
    return drawn


@numba.njit(cache=True, nogil=True, inline="always")
def _put(out, end, text, offsets, phrase):  # type: ignore[no-untyped-def]
    for n in range(offsets[phrase], offsets[phrase + 1]):
        out[end] = text[n]
        end += 1
    return end


@numba.njit(cache=True, nogil=True)
def _put_digits(out, end, number, separator, grouped):  # type: ignore[no-untyped-def]
    # Whole numbers, most significant digit first, with a separator before every third digit from the end.
    length, rest = 1, number
    while rest >= 10:
        rest //= 10
        length += 1
    power = 10 ** (length - 1)
    for left in range(length, 0, -1):
        out[end] = 48 + (number // power) % 10
        end += 1
        power //= 10
        if grouped and left > 1 and (left - 1) % 3 == 0:
            for byte in separator:
                out[end] = byte
                end += 1
    return end


@numba.njit(cache=True, nogil=True)
def put_number(out, end, value, decimals, separator, point):  # type: ignore[no-untyped-def]
    """Write a value rounded half up to `decimals`, without trailing zeros; return the new end."""
    scale = 10**decimals
    scaled = int(np.floor(value * scale + 0.5))
    while decimals > 0 and scaled % 10 == 0:
        scaled //= 10
        decimals -= 1
    scale = 10**decimals
    end = _put_digits(out, end, scaled // scale, separator, True)
    if decimals > 0:
        for byte in point:
            out[end] = byte
            end += 1
        fraction, place = scaled % scale, scale // 10
        while place > 0:
            out[end] = 48 + (fraction // place) % 10
            end += 1
            place //= 10
    return end


@numba.njit(cache=True, nogil=True, inline="always")
def volume_decimals(value):  # type: ignore[no-untyped-def]
    """Return the decimals that keep at least three digits that count: 1234, 41.2, 4.12, 0.412, 0.0412."""
    decimals, bound = 0, 100.0
    while value < bound and decimals < 6:
        decimals += 1
        bound /= 10.0
    return decimals


@numba.njit(cache=True, nogil=True, inline="always")
def _capital(out, at):  # type: ignore[no-untyped-def]
    if 97 <= out[at] <= 122:
        out[at] -= 32
    elif out[at] == 0xC3 and 0xA0 <= out[at + 1] <= 0xBE and out[at + 1] != 0xB7:
        out[at + 1] -= 32  # à … þ to À … Þ, in UTF-8


@numba.njit(cache=True, nogil=True)
def _group(label, voxels, first, last, nouns, slot, left, right, size):  # type: ignore[no-untyped-def]
    # Join pairs; left[g] and right[g] are entries, right[g] = -1 for a structure that stands alone.
    number_of, partner, is_left = nouns[0], nouns[1], nouns[2]
    groups = 0
    for entry in range(first, last):
        number = number_of[label[entry]]
        other = partner[number]
        joined = -1
        if other >= 0 and slot[other] >= 0:
            joined = slot[other]
        if joined < 0:
            slot[number] = groups
            left[groups], right[groups], size[groups] = entry, -1, np.int64(voxels[entry])
            groups += 1
        else:
            size[joined] += np.int64(voxels[entry])
            if is_left[number]:
                right[joined] = left[joined]
                left[joined] = entry
            else:
                right[joined] = entry
    for entry in range(first, last):
        slot[number_of[label[entry]]] = -1
    # Largest first; entries come largest first too, so equal groups keep an order that the table fixes.
    for g in range(1, groups):
        l, r, s = left[g], right[g], size[g]  # noqa: E741
        key = label[l]
        place = g
        while place > 0 and (size[place - 1] < s or (size[place - 1] == s and label[left[place - 1]] > key)):
            left[place], right[place], size[place] = left[place - 1], right[place - 1], size[place - 1]
            place -= 1
        left[place], right[place], size[place] = l, r, s
    return groups


@numba.njit(cache=True, nogil=True)
def _put_list(out, end, template, groups, left, right, label, volume, nouns, signs):  # type: ignore[no-untyped-def]
    number_of, single, pair, joints, text, offsets = nouns[0], nouns[4], nouns[5], nouns[6], nouns[7], nouns[8]
    separator, point = signs
    for g in range(groups):
        if g > 0:
            end = _put(out, end, text, offsets, joints[template, 1 if g == groups - 1 else 0])
        number = number_of[label[left[g]]]
        value = np.float64(volume[left[g]])
        if right[g] < 0:
            end = _put(out, end, text, offsets, single[template, number, 0])
            end = put_number(out, end, value, volume_decimals(value), separator, point)
            end = _put(out, end, text, offsets, single[template, number, 1])
        else:
            other = np.float64(volume[right[g]])
            end = _put(out, end, text, offsets, pair[template, number, 0])
            end = put_number(out, end, value, volume_decimals(value), separator, point)
            end = _put(out, end, text, offsets, pair[template, number, 1])
            end = put_number(out, end, other, volume_decimals(other), separator, point)
            end = _put(out, end, text, offsets, pair[template, number, 2])
    return end


@numba.njit(cache=True, nogil=True)
def _put_position(out, end, operation, position, text, offsets, signs):  # type: ignore[no-untyped-def]
    distance = abs(position)
    if distance < 0.05:
        return _put(out, end, text, offsets, operation[3])
    first = 1 if position < 0 else 4
    end = _put(out, end, text, offsets, operation[first])
    end = put_number(out, end, distance, 1, signs[0], signs[1])
    return _put(out, end, text, offsets, operation[first + 1])


@numba.njit(cache=True, nogil=True)
def _caption(out, start, span, frames, slice_facts, listed, entries, nouns, signs):  # type: ignore[no-untyped-def]
    operations, text, offsets = frames
    template, position, level = slice_facts
    groups, left, right = listed
    label, volume = entries
    end, at = start, span[0]
    while at < span[1]:
        operation = operations[at]
        code, before = operation[0], end
        capital = 0
        if code == TEXT:
            end = _put(out, end, text, offsets, operation[1])
        elif code == POSITION:
            end = _put_position(out, end, operation, position, text, offsets, signs)
            capital = operation[6]
        elif code == LEVEL:
            end = _put(out, end, text, offsets, operation[1 + level])
            capital = operation[6]
        elif code == IF_LEVEL:
            if level < 0:
                at += operation[1]
        elif code == LIST:
            end = _put_list(out, end, template, groups, left, right, label, volume, nouns, signs)
            capital = operation[1]
        elif code == AGREE:
            pair = 0 if right[0] < 0 else 1
            one = groups == 1 and nouns[3][nouns[0][label[left[0]]], pair]
            end = _put(out, end, text, offsets, operation[1 if one else 2])
        if capital:
            _capital(out, before)
        at += 1
    return end


@numba.njit(cache=True, nogil=True)
def count_words(out, start, end, words, unknown, n_unknown):  # type: ignore[no-untyped-def]
    """Sum the token counts of the words of a caption; words without one are copied to `unknown`.

    Returns
    -------
    tuple of int
        The sum, and how many words `unknown` (bytes; start, end and whether first of each) holds now.
    """
    keys, counts = words
    spelled, spans = unknown
    total, word = 0, start
    mask = np.uint64(len(keys) - 1)
    value = _FNV_START
    for at in range(start, end + 1):
        if at < end and out[at] != 32:
            value = (value ^ np.uint64(out[at])) * _FNV_PRIME
            continue
        if at > word:
            key = value ^ _FIRST_WORD if word == start else value
            place = key & mask
            while keys[place] != key and keys[place] != 0:
                place = (place + np.uint64(1)) & mask
            if keys[place] == key:
                total += counts[place]
            elif n_unknown < len(spans):
                # Copied, because a caption that is cut is written again over these bytes.
                to = spans[n_unknown - 1, 1] if n_unknown else 0
                if to + at - word <= len(spelled):
                    spelled[to : to + at - word] = out[word:at]
                    spans[n_unknown] = (to, to + at - word, 1 if word == start else 0)
                    n_unknown += 1
        word, value = at + 1, _FNV_START
    return total, n_unknown


@numba.njit(cache=True, nogil=True)
def word_key(word: npt.NDArray[np.uint8], first: bool) -> np.uint64:
    """Return the table key of a word; the first word of a text has its own."""
    value = _FNV_START
    for byte in word:
        value = (value ^ np.uint64(byte)) * _FNV_PRIME
    return value ^ _FIRST_WORD if first else value


@numba.njit(cache=True, nogil=True)
def assemble(rows, entries, frames, nouns, signs, limit, words, out, offsets, unknown):  # type: ignore[no-untyped-def]
    """Write the captions of one volume into `out`.

    Parameters
    ----------
    rows : tuple
        template, plane, position, level, entry offsets: arrays with an item a slice (offsets: one more).
    entries : tuple
        label, voxels, volume.
    frames, nouns, signs : tuple
        As `Frames` and `NounTable`; thousands separator and decimal point as bytes.
    limit : int
        Tokens at most, special ones not counted; 0 for no limit.
    words : tuple
        Keys and counts of the table of words.
    out, offsets : ndarray
        Bytes, and where each caption ends; filled.
    unknown : tuple of ndarray
        Words without a count: their bytes, and (start, end, whether first of its caption) of each; filled.

    Returns
    -------
    tuple of int
        Words missing (then the captions are not final), and rows that could not be made to fit.
    """
    template, plane, position, level, first = rows
    label, voxels, volume = entries
    starts, operations, text, phrase_offsets = frames
    programs = (operations, text, phrase_offsets)
    most = 1
    for row in range(len(template)):
        most = max(most, first[row + 1] - first[row])
    slot = np.full(len(nouns[1]) + 1, -1, np.int64)
    left, right, size = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
    n_unknown, misfits, end = 0, 0, 0
    for row in range(len(template)):
        groups = _group(label, voxels, first[row], first[row + 1], nouns, slot, left, right, size)
        w, p = template[row], plane[row]
        facts = (w, position[row], level[row])
        begin = end
        span = starts[w, p, 0 if groups else 1]
        end = _caption(out, begin, span, programs, facts, (groups, left, right), (label, volume), nouns, signs)
        # A token is at least a byte long, so what has no more bytes than tokens are allowed needs no counting.
        if limit > 0 and end - begin > limit:
            used, n_unknown = count_words(out, begin, end, words, unknown, n_unknown)
            if used > limit:
                # Bisection: `fits` groups are known to fit (-1: not even none), `over` to be too many.
                fits, over = -1, max(groups, 1)
                while over - fits > 1:
                    middle = (fits + over) // 2
                    span = starts[w, p, 0 if middle else 2]
                    end = _caption(
                        out, begin, span, programs, facts, (middle, left, right), (label, volume), nouns, signs
                    )
                    used, n_unknown = count_words(out, begin, end, words, unknown, n_unknown)
                    if used <= limit:
                        fits = middle
                    else:
                        over = middle
                # Where not even the sentence without structures fits, the optional facts go too (3).
                span = starts[w, p, 0 if fits > 0 else 2 if fits == 0 else 3]
                end = _caption(
                    out, begin, span, programs, facts, (max(fits, 0), left, right), (label, volume), nouns, signs
                )
                if fits < 0:
                    used, n_unknown = count_words(out, begin, end, words, unknown, n_unknown)
                    misfits += 1 if used > limit else 0
        offsets[row + 1] = end
    return n_unknown, misfits
