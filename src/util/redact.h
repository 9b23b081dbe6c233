#pragma once
// Redact: take secrets out of text that people may read.
//
// Addresses are often mistyped ("rtsp:/user:password@host", "user:password@host"), and
// passwords are often not percent-encoded as they should be. So nothing here reads an address
// strictly: where it may hold a secret, more is hidden than has to be.
//
// - What stands before the last '@' of a word is hidden: rtsp://user:password@host reads
//   rtsp://***@host.
// - What is no number where the port of a host should be hides that host and the word's rest,
//   in each address of the word: rtsp://user:password reads rtsp://***.
// - The value of a parameter whose name says that it is a secret is hidden, wherever it stands
//   (query, path, matrix parameter, fragment), to the next '&': ?loginuse=admin&loginpas=pw
//   reads ?loginuse=***&loginpas=***.
//
// A word reaches to the next white space; the error texts, log lines and mistakes of the whole
// program pass through here as texts. Redacting twice changes nothing more.
//
// Threads: any; no state.

// A copy of a text in which each word has lost its secrets. The caller frees it; aborts when
// there is no memory: `text` has a bounded length.
char *redact_urls(const char *text);

// A copy without its secrets of a value as a user gave it (an address, a path, an argument)
// that is refused: all of it is one word, white space included.
char *redact_value(const char *value);
