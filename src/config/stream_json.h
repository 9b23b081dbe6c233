#pragma once
// Stream JSON: a stream's settings as the API has them, with the keys of the configuration file
// and checked by the same table.
//
// Threads: any; no state.

#include <jansson.h>

#include "config/config.h"

// Read the settings, a JSON object, of a stream that somebody adds while the server runs: what
// a file may have, but that "${NAME}" is no variable, and that the URL is one which
// source_url_check_untrusted() takes. -EINVAL and *ret_mistakes, whose keys are those of the
// settings ("decoding.beam_size"; "name" where that is wrong).
int config_stream_read(struct stream_config **ret, const char *name, json_t *settings,
                       struct config_mistakes *ret_mistakes);

struct stream_config *config_stream_free(struct stream_config *stream);

// What is set of a stream: {"url": ..., "decoding": {"beam_size": 5}}. The URL is without its
// secrets.
json_t *config_stream_json(const struct stream_config *stream);

DEFINE_CLEANUP(struct stream_config *, config_stream_free);
