#pragma once
// Media fault: what was wrong with something that was read, and what to tell people of it. For
// source/ only.
//
// Threads: any; no state.

enum media_fault {
        MEDIA_FAULT_NONE,         // it came to its end
        MEDIA_FAULT_CREDENTIALS,  // the far end refuses user name or password
        MEDIA_FAULT_NOT_FOUND,    // it has no such path
        MEDIA_FAULT_NAME,         // the host's name is unknown
        MEDIA_FAULT_REFUSED,      // nobody listens there
        MEDIA_FAULT_UNREACHABLE,  // no way to the host
        MEDIA_FAULT_TIMEOUT,      // no answer in time
        MEDIA_FAULT_NO_AUDIO,     // there is no audio track
        MEDIA_FAULT_NOT_MEDIA,    // what arrives is no sound in a known format
        MEDIA_FAULT_DAMAGED,      // some of it could not be read
        MEDIA_FAULT_PROTOCOL,     // it leads to a protocol or place that is not allowed
        MEDIA_FAULT_FORMAT,       // it may not be taken for what it is
        MEDIA_FAULT_LIMIT,        // it takes more than one may take
        MEDIA_FAULT_INDEX_LAST,   // an MP4 file that cannot be read from a pipe
        MEDIA_FAULT_OTHER,        // in the program's own words
};

// Words without a full stop. "" for MEDIA_FAULT_NONE, and for MEDIA_FAULT_OTHER, which only the
// program's own words explain.
const char *media_fault_text(enum media_fault fault);
