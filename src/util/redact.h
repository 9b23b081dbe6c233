#pragma once
// Redact: take secrets out of text that people may read.
//
// Threads: any; no state.

// A copy in which every URL's user info (rtsp://user:password@host) reads rtsp://***@host and
// the values of query parameters that look secret (token, key, password, passwd, pwd, secret,
// auth, signature, sig, apikey, api_key, access_token) read ***. The caller frees it.
char *redact_urls(const char *text);
