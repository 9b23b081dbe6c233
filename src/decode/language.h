#pragma once
// Language: what people write ("English", "EN", "en-US", "zh_Hant_TW", "deu", "Castilian") as
// the codes that Whisper's vocabulary has ("en", "zh", "de", "es"), and these in their order.
//
// Threads: any; no state.
// Memory:  everything returned is static.

#include <stdbool.h>

#include "util/error.h"

#define LANGUAGES 100  // of Whisper large-v3; earlier models lack the last one

// The code of language `i`, in the order of Whisper's tokens.
const char *language_code(int i);

// The names that language_resolve() knows, NULL at the end: what a mistake may have been meant
// to be (util/nearest). First the English ones of all languages, in the order of their tokens;
// "auto" is among the others.
extern const char *const language_names[];

// The code of a language as somebody wrote it: a name, a code of ISO 639 (two or three letters,
// also those that were replaced: "iw") or a tag that begins with one (BCP 47, POSIX locales),
// in any case, with blanks around it. "" for "auto": it is to be detected. NULL for what is no
// language of Whisper's.
const char *language_resolve(const char *text);

// The code of the language that a client asks for, as language_resolve() finds it: *ret is the
// code, or "". -EINVAL for what is unknown, with the
// nearest name in the words.
int language_wish(const char **ret, const char *text, struct error *error);
