#pragma once
// Tokens page: the token file is read again, as `eavesdrop token` asks for once it has changed
// it.
//
// Threads: loop thread only.

struct exchange;
struct tokens;  // auth/tokens.h

// Answer with 204 when it is done, or with 409 and the words when the file is not as it should
// be, and all stays as it was.
void tokens_page_reload(struct exchange *exchange, struct tokens *tokens);
