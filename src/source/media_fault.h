#pragma once
// Media fault: what was wrong with something that was read, and what to tell people of it. For
// source/ only.
//
// Threads: any; no state.

#include "media/records.h"

// Words without a full stop. "" for MEDIA_FAULT_NONE, and for MEDIA_FAULT_OTHER, which only the
// program's own words explain.
const char *media_fault_text(enum media_fault fault);
