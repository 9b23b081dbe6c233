#pragma once
// Rig: a tokenizer without a model. Only in tests.
//
// Threads: main thread.

#include "whisper/tokenizer.h"

// A multilingual one that knows all bytes, and nothing else: a token for each, of its number.
struct tokenizer *rig_tokenizer_of_bytes(void);
