#pragma once
// Setting columns: what the rows of the table in settings.c are written with. Private to it.
//
// Threads: any; constant.

#include <stddef.h>

#include "config/config.h"
#include "config/setting.h"

#define PLACE(owner_, type, field) \
        .owner = (owner_), .offset = offsetof(type, field), .size = sizeof(((type *)0)->field)
#define IN_CONFIG(field)  PLACE(SETTING_IN_CONFIG, struct config, field)
#define IN_REQUEST(field) PLACE(SETTING_IN_REQUEST, struct request_defaults, field)
#define IN_STREAM(field)  PLACE(SETTING_IN_STREAM, struct stream_config, field)
#define IN_ALERT(field)   PLACE(SETTING_IN_ALERT, struct alert_config, field)
#define IN_TOKEN(field)   PLACE(SETTING_IN_TOKEN, struct token_text, field)
#define IN_SINK(field)    PLACE(SETTING_IN_SINK, struct sink_config, field)

#define SERVER SETTING_SERVER
#define STREAM SETTING_STREAM
#define CLIENT SETTING_CLIENT
#define ALERT  SETTING_ALERT
#define SINK   SETTING_SINK
#define TOKEN  SETTING_TOKEN
#define BOTH   (SETTING_SERVER | SETTING_STREAM)

#define ON_SERVE      SETTING_SERVE
#define ON_TRANSCRIBE SETTING_TRANSCRIBE
#define ON_BOTH       (SETTING_SERVE | SETTING_TRANSCRIBE)
#define ON_ALL        (ON_BOTH | SETTING_CHECK | SETTING_MODEL)
#define ON_STATE      (SETTING_SERVE | SETTING_READ | SETTING_KEYS)
#define ON_KEYS       (SETTING_SERVE | SETTING_KEYS)

#define SWITCH            SETTING_SWITCH
#define COUNT(low, high)  SETTING_COUNT, .least = (low), .most = (high)
#define NUMBER(low, high) SETTING_NUMBER, .least = (low), .most = (high)
#define TIME(low, high)   SETTING_TIME, .least = (low), .most = (high)
#define SIZE(low, high)   SETTING_SIZE, .least = (low), .most = (high)
#define CHOICE(names)     SETTING_CHOICE, .choices = (names)
#define TEXT(bytes)       SETTING_TEXT, .most = (bytes)
// Of a dialect that has a listener of its own.
#define LISTENER(dialect, port)                                                 \
        TEXT(DBL_MAX), .applies = SERVER, IN_CONFIG(listeners.dialect),         \
                       .is_good = config_is_address, .preset_words = "nowhere", \
                       .expected = "HOST:PORT such as 127.0.0.1:" port " or :" port
#define OFF(value) .word = "off", .word_value = (value)

#define HOURS 3600.0
#define YEARS (365 * 24 * HOURS)
#define KB    1e3
#define MB    1e6
#define GB    1e9
#define TB    1e12

#define PROMPT_HELP "text that Whisper takes for what was said before: names, spelling, style"
#define ADDRESS_EXPECTED \
        "HOST:PORT such as 127.0.0.1:9090, [::1]:9090 or :9090, the port 0 to 65535"
#define HOTWORDS_HELP "words that are likely to be said: one text, or a list of them"
