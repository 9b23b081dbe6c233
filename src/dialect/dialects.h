#pragma once
// Dialects: the table of all that the server speaks.
//
// Threads: any; constant.

#include "dialect/dialect.h"

// In the order in which they are asked whether a client is theirs; NULL at the end. The first
// one also speaks to clients who have not shown yet what they are.
extern const struct dialect *const dialects[];
