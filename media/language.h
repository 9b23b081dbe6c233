#pragma once
// Language: are two codes of languages one language? Containers write those of ISO 639-2
// ("ger", "deu") or tags ("de-AT"), people those of ISO 639-1 ("de").
//
// Threads: any; no state.

#include <stdbool.h>

// Case and what follows the first '-' or '_' do not count. False where one is empty or "und".
bool media_language_is_same(const char *a, const char *b);
