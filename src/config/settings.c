// The table of all settings. A new one is a row here, the field that it fills and its use.
#include "config/setting.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/text_check.h"
#include "decode/language.h"
#include "source/media_backend.h"
#include "whisper/compute.h"

static const char *const task_names[] = {"transcribe", "translate", NULL};
static const char *const transport_names[] = {"tcp", "udp", NULL};
static const char *const level_names[] = {"debug", "info", "warning", "error", NULL};
static const char *const when_names[] = {"final", "stable", NULL};
static const char *const sink_names[] = {"lines",   "mqtt",       "nats",
                                         "webhook", "postgresql", NULL};
static const char *const auth_names[] = {"tokens", "none", NULL};
static const char *const format_names[] = {"text", "json", NULL};

_Static_assert(DECODE_TRANSCRIBE == 0 && DECODE_TRANSLATE == 1 && SOURCE_TRANSPORT_TCP == 0 &&
                       SOURCE_TRANSPORT_UDP == 1 && LOG_DEBUG == 0 && LOG_ERROR == 3 &&
                       LOG_TEXT == 0 && LOG_JSON == 1 && ALERT_FINAL == 0 && AUTH_TOKENS == 0 &&
                       AUTH_NONE == 1 && ALERT_STABLE == 1 && SINK_LINES == 0 &&
                       SINK_MQTT == 1 && SINK_NATS == 2 && SINK_WEBHOOK == 3 &&
                       SINK_POSTGRESQL == 4,
               "the names above are in the order of their enums");

// --- columns ---------------------------------------------------------------------------------

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

#define PROMPT_HELP   "text that Whisper takes for what was said before: names, spelling, style"
#define HOTWORDS_HELP "words that are likely to be said: one text, or a list of them"

// clang-format off: a row is read as one
const struct setting setting_table[] = {
        {"url", SETTING_URL, .most = DBL_MAX, .applies = STREAM, IN_STREAM(url),
         .preset_words = "(must be there)", .expected = CONFIG_URL_EXPECTED,
         .help = "address of a stream: rtsp:, rtsps:, http:, https:, rtmp: or srt:, or a file, "
                 "which is played at the pace of real time"},
        {"listen", TEXT(DBL_MAX), .applies = SERVER, .verbs = ON_SERVE, IN_CONFIG(listen),
         .is_good = config_is_address, .argument = "HOST:PORT", .preset = "127.0.0.1:9090",
         .expected =
                 "HOST:PORT such as 127.0.0.1:9090, [::1]:9090 or :9090, the port 0 to 65535",
         .help = "address that clients connect to; without a host all addresses, and port 0 "
                 "takes a free port and says which"},
        {"listeners", SETTING_SECTION, .applies = SERVER,
         .help = "ports for clients that share none with others, by their kind; none of them "
                 "is encrypted"},
        {"listeners.vosk", LISTENER(vosk, "2700"), .help = "address for Vosk's clients"},
        {"listeners.wyoming", LISTENER(wyoming, "10300"),
         .help = "address for Home Assistant and others that speak Wyoming"},
        {"origins", SETTING_WORDS, .applies = SERVER, IN_CONFIG(origins),
         .is_good = config_is_origin,
         .expected = "a page's origin such as https://dash.example or http://localhost:3000",
         .help = "web pages of other servers that may talk to this one, by their origin: one, "
                 "or a list"},
        {"hosts", SETTING_WORDS, .applies = SERVER, IN_CONFIG(hosts),
         .is_good = config_is_host_name,
         .expected = "a name of this server such as cameras.example, without a port",
         .help = "further names of this server, such as those that a reverse proxy has for it: "
                 "one, or a list"},
        {"tls", SETTING_SECTION, .applies = SERVER,
         .help = "encryption of the port, with a certificate and its key"},
        {"tls.certificate", SETTING_PATH, .most = DBL_MAX, .applies = SERVER,
         IN_CONFIG(tls.certificate), .is_live = true,
         .preset_words = "none: nothing is encrypted",
         .expected = "the path of a certificate in PEM",
         .help = "file of the certificate (PEM), with those of its authorities behind it; it "
                 "is read again at each reload"},
        {"tls.key", SETTING_PATH, .most = DBL_MAX, .applies = SERVER, IN_CONFIG(tls.key),
         .is_live = true, .preset_words = "none",
         .expected = "the path of a private key in PEM",
         .help = "file of the certificate's private key (PEM, without a passphrase)"},
        {"auth", SETTING_SECTION, .applies = SERVER, .stands_for = "auth.mode",
         .help = "who may do what: a mapping, or none, which lets whoever reaches the port "
                 "read and listen"},
        {"auth.mode", CHOICE(auth_names), .applies = SERVER, IN_CONFIG(auth.mode),
         .preset = "tokens",
         .help = "whether tokens are asked for once there are any; none asks for none but to "
                 "manage"},
        {"auth.tokens", SETTING_TOKENS, .applies = SERVER, .is_live = true,
         .preset_words = "none",
         .help = "tokens beside those of the token file: a list of mappings"},
        {"name", TEXT(TOKEN_NAME_MAX), .applies = TOKEN, IN_TOKEN(name),
         .is_good = token_name_is_good, .preset_words = "(must be there)",
         .expected = "a name of letters, digits, \".\", \"_\" and \"-\", not anonymous, local "
                     "or owner",
         .help = "what the log and lists call whoever has the token"},
        {"hash", TEXT(256), .applies = TOKEN, IN_TOKEN(hash), .is_good = token_hash_is_good,
         .is_secret = true, .preset_words = "(must be there)",
         .expected = "sha256: and the 64 hexadecimal digits of the token's SHA-256",
         .help = "hash of the token, which itself is kept nowhere"},
        {"scopes", SETTING_WORDS, .applies = TOKEN, IN_TOKEN(scopes),
         .is_good = token_scope_is_good, .preset_words = "(must be there)",
         .expected = "read, listen or manage",
         .help = "what the token is for: read what is heard, have sound made text (listen), "
                 "manage the server; one, or a list"},
        {"streams", SETTING_WORDS, .applies = TOKEN, IN_TOKEN(streams),
         .is_good = token_stream_is_good, .preset_words = "all",
         .expected = "a stream's name, or a glob such as door-*",
         .help = "streams that the token may read, by name or glob: one, or a list"},
        {"expires", TEXT(64), .applies = TOKEN, IN_TOKEN(expires),
         .is_good = token_expires_is_good, .preset_words = "never",
         .expected = "a date such as 2026-12-31 or 2026-12-31T12:00Z",
         .help = "when the token ends"},
        {"auth.token_file", SETTING_PATH, .most = DBL_MAX, .applies = SERVER, .verbs = ON_KEYS,
         IN_CONFIG(auth.token_file), .is_live = true, .argument = "FILE",
         .preset_words = "tokens.json in the state folder",
         .expected = "the path of the token file",
         .help = "file of the tokens that eavesdrop token makes; nobody but the server's user "
                 "may read or write it"},
        {"auth.anonymous", SETTING_SECTION, .applies = SERVER,
         .help = "who may come without a token although there are some, such as clients that "
                 "can send none"},
        {"auth.anonymous.from", SETTING_WORDS, .applies = SERVER, IN_CONFIG(auth.from),
         .is_good = config_is_network, .preset_words = "nowhere",
         .expected = "an address or a network such as 192.0.2.0/24 or 2001:db8::/32",
         .help = "where they come from: addresses and networks, one or a list"},
        {"auth.anonymous.dialects", SETTING_WORDS, .applies = SERVER, IN_CONFIG(auth.dialects),
         .is_good = config_is_dialect, .preset_words = "all",
         .expected = "a dialect such as whisperlive, eavesdrop or subscriber, or api",
         .help = "kinds of clients that they may be: one, or a list; api is the HTTP API, and "
                 "the page"},
        {"auth.anonymous.scopes", SETTING_WORDS, .applies = SERVER, IN_CONFIG(auth.scopes),
         .is_good = config_is_anonymous_scope, .preset = "listen", .expected = "read or listen",
         .help = "what they may: read, listen, or a list of both"},
        {"proxies", SETTING_WORDS, .applies = SERVER, IN_CONFIG(proxies),
         .is_good = config_is_network, .preset_words = "none",
         .expected = "an address or a network such as 127.0.0.1 or 192.0.2.0/24",
         .help = "reverse proxies that are believed whose requests they hand on (Forwarded, "
                 "X-Forwarded-For and -Host): addresses and networks, one or a list"},
        {"model", SETTING_PATH, .most = DBL_MAX, .applies = SERVER, .verbs = ON_BOTH,
         IN_CONFIG(model), .may_be_name = true, .argument = "NAME|PATH", .preset = "base",
         .expected = "a model's name such as base, or the path of a model's folder or file",
         .help = "Whisper model: a name from \"eavesdrop model list\", or the path of a "
                 "CTranslate2 folder (faster-whisper) or ggml file (whisper.cpp)"},
        {"model_dir", SETTING_PATH, .most = DBL_MAX, .applies = SERVER, .verbs = ON_ALL,
         IN_CONFIG(model_dir), .argument = "DIR",
         .preset_words =
                 "$XDG_DATA_HOME/eavesdrop/models, else ~/.local/share/eavesdrop/models",
         .expected = "the folder that models are kept in",
         .help = "folder that fetched models are kept in"},
        {"language", SETTING_CODE, .applies = BOTH | CLIENT, .verbs = ON_BOTH,
         IN_REQUEST(decoding.language), .resolve = language_resolve, .choices = language_names,
         .argument = "LANGUAGE", .preset = "auto",
         .expected = "a language such as English, de or zh-CN, or auto to detect it",
         .help = "language that is spoken, by name or code; auto detects it"},
        {"task", CHOICE(task_names), .applies = STREAM | CLIENT, .verbs = ON_TRANSCRIBE,
         IN_REQUEST(decoding.task), .preset = "transcribe",
         .help = "what the text is: a transcript, or a translation into English (multilingual "
                 "models)"},
        {"prompt", TEXT(DECODE_TEXT_MAX), .applies = STREAM | CLIENT, .verbs = ON_TRANSCRIBE,
         IN_REQUEST(decoding.prompt), .help = PROMPT_HELP},
        {"hotwords", TEXT(DECODE_TEXT_MAX), .applies = STREAM | CLIENT,
         IN_REQUEST(decoding.hotwords), .list = " ", .expected = "words, at most 16384 bytes",
         .help = HOTWORDS_HELP},
        {"engines", COUNT(1, CONFIG_ENGINES_MAX), .applies = SERVER, .verbs = ON_BOTH,
         IN_CONFIG(engines), .preset = "1",
         .help = "engines that decode side by side; they share the model's weights, and each "
                 "has its own threads and memory"},
        {"threads", COUNT(0, CONFIG_THREADS_MAX), .applies = SERVER, .verbs = ON_BOTH,
         IN_CONFIG(threads), .zero = "all cores", .preset = "0",
         .help = "cores for each engine; 0 shares all cores out among the engines"},
        {"compute", CHOICE(compute_names), .applies = SERVER, .verbs = ON_BOTH,
         IN_CONFIG(compute), .preset = "auto",
         .help = "arithmetic of the model's matrix products; auto is the fastest that this "
                 "processor has and that costs at most 0.1 points of word error rate"},
        {"media", SETTING_PATH, .most = DBL_MAX, .applies = SERVER, .verbs = ON_BOTH,
         IN_CONFIG(media), .may_be_name = true, .argument = "builtin|ffmpeg|PATH",
         .preset = MEDIA_BACKEND_DEFAULT,
         .expected = "builtin, ffmpeg, or the path of an ffmpeg or an eavesdrop-media",
         .help = "program that reads streams, files and uploads: builtin is eavesdrop-media "
                 "beside "
                 "eavesdrop or in /usr/libexec/eavesdrop, ffmpeg the one in PATH; or the path "
                 "of either"},
        {"sources", SETTING_SECTION, .applies = SERVER,
         .help = "what streams may reach that are added while the server runs"},
        {"sources.allow", SETTING_WORDS, .most = SOURCE_ALLOW_MAX, .applies = SERVER,
         IN_CONFIG(source_allow), .is_live = true, .is_good = source_allow_is_good,
         .preset_words = "none",
         .expected = "an address such as 127.0.0.1, a network such as 127.0.0.0/8, the name of "
                     "a host, or any; at most 4095 bytes in all",
         .help = "addresses of this machine, its link and multicast that streams added while "
                 "the server runs may reach: one, or a list of addresses, networks and hosts' "
                 "names; any allows all"},
        {"pause", TIME(0.1, 10), .applies = BOTH | CLIENT, IN_REQUEST(pause), .preset = "0.6",
         .help = "silence that ends a window and makes its text final"},
        {"window_max", TIME(5, 28), .applies = BOTH | CLIENT, IN_REQUEST(window_max),
         .preset = "28",
         .help = "longest window: speech without a pause is cut before at its weakest place"},
        {"memory", SIZE(16 * MB, TB), .applies = SERVER, .verbs = ON_SERVE, IN_CONFIG(memory),
         .word = "auto", .word_value = CONFIG_AUTO, .preset = "auto",
         .help = "memory for all that clients send and for what waits to be sent to them; auto "
                 "is an eighth of what the process may have, at most 256MB"},
        {"admission", SWITCH, .applies = SERVER, IN_CONFIG(has_admission), .preset = "true",
         .help = "whether new clients are sent away while text comes late"},

        {"per_address", SETTING_SECTION, .applies = SERVER,
         .help = "limits for one client address; behind a reverse proxy, or one NAT, all "
                 "clients are one address"},
        {"per_address.connections", COUNT(0, CONFIG_ADDRESS_MAX), .applies = SERVER,
         IN_CONFIG(address_connections), .zero = "no limit", .preset = "1000",
         .help = "connections that one client address may have open at once"},
        {"per_address.sessions", COUNT(0, CONFIG_ADDRESS_MAX), .applies = SERVER,
         IN_CONFIG(address_sessions), .zero = "no limit", .preset = "500",
         .help = "WebSocket sessions that one client address may have at once"},
        {"per_address.backlog", TIME(0, 1000 * HOURS), .applies = SERVER,
         IN_CONFIG(address_backlog), .zero = "no limit", .preset = "1h",
         .help = "audio of one client address that was spoken and is not yet text; beyond it "
                 "no further session is taken in, and uploads are paused"},

        {"per_token", SETTING_SECTION, .applies = SERVER,
         .help = "limits for whoever has one token, from wherever he comes"},
        {"per_token.connections", COUNT(0, CONFIG_ADDRESS_MAX), .applies = SERVER,
         IN_CONFIG(token_connections), .zero = "no limit", .preset = "1000",
         .help = "connections that one token may have open at once"},
        {"per_token.sessions", COUNT(0, CONFIG_ADDRESS_MAX), .applies = SERVER,
         IN_CONFIG(token_sessions), .zero = "no limit", .preset = "500",
         .help = "WebSocket sessions that one token may have at once"},
        {"per_token.backlog", TIME(0, 1000 * HOURS), .applies = SERVER,
         IN_CONFIG(token_backlog), .zero = "no limit", .preset = "24h",
         .help = "audio of one token that is not yet text, in files that wait as well; beyond "
                 "it no further session or file is taken in"},

        {"filters", SETTING_SECTION, .applies = SERVER,
         .help = "limits beyond which text is dropped, as nobody can have said it"},
        {"filters.repetition", NUMBER(2, 100), .applies = SERVER,
         IN_REQUEST(decoding.repetition_max), OFF(INFINITY), .preset = "8",
         .help = "repetition filter: a segment in which the same words (up to 32 tokens) stand "
                 "more often than this in a row is dropped"},
        {"filters.words_per_second", NUMBER(1, 100), .applies = SERVER,
         IN_REQUEST(filters.words_per_second_max), OFF(INFINITY), .preset = "8",
         .help = "speech rate filter: text with more words than this per second of its window "
                 "is dropped; words are what stands between blanks"},

        {"backlog", SETTING_SECTION, .applies = SERVER,
         .help = "room for audio that was spoken and is not yet text"},
        {"backlog.folder", SETTING_PATH, .most = DBL_MAX, .applies = SERVER,
         IN_CONFIG(backlog_folder), .argument = "DIR",
         .preset_words = "$XDG_STATE_HOME/eavesdrop, else ~/.local/state/eavesdrop",
         .expected = "the folder for the backlog's audio",
         .help = "folder for the part of the backlog that is on disk; its file has no name and "
                 "goes with the process"},
        {"backlog.memory", SIZE(0, TB), .applies = SERVER, IN_CONFIG(backlog_memory),
         .preset = "128MB",
         .help = "most of the backlog that is kept in memory, and at most half of memory; more "
                 "goes to disk"},
        {"backlog.disk", SIZE(0, 10 * TB), .applies = SERVER, IN_CONFIG(backlog_disk),
         .preset = "4096MB",
         .help = "most of the backlog that is kept on disk; what is beyond stays in memory, an "
                 "error is logged, and clients that can be are paused"},

        {"uploads", SETTING_SECTION, .applies = SERVER,
         .help = "limits for files that clients upload"},
        {"uploads.at_once", COUNT(0, CONFIG_UPLOADS_MAX), .applies = SERVER,
         IN_CONFIG(uploads.at_once), .zero = "one per core", .preset = "0",
         .help = "uploads that are decoded at a time, each by a process of its own"},
        {"uploads.waiting", COUNT(0, CONFIG_WAITING_MAX), .applies = SERVER,
         IN_CONFIG(uploads.waiting), .preset = "200",
         .help = "uploads that may wait until they are decoded; further ones are sent away "
                 "with a time to come back"},
        {"uploads.size", SIZE(KB, TB), .applies = SERVER, IN_CONFIG(uploads.size),
         .preset = "2GB", .help = "largest file that may be uploaded"},
        {"uploads.seconds", TIME(1, 1000 * HOURS), .applies = SERVER,
         IN_CONFIG(uploads.seconds), .preset = "6h",
         .help = "longest audio that one upload may have"},
        {"transcriptions", SETTING_SECTION, .applies = SERVER,
         .help = "limits for files that are sent to be made text (/api/v1/transcriptions)"},
        {"transcriptions.waiting", COUNT(0, CONFIG_WAITING_MAX), .applies = SERVER,
         IN_CONFIG(transcriptions.waiting), .preset = "100",
         .help = "files that may wait for their turn; further ones are refused with a time to "
                 "come back"},
        {"transcriptions.disk", SIZE(KB, 1000 * TB), .applies = SERVER,
         IN_CONFIG(transcriptions.disk), .preset = "20GB",
         .help = "disk that files which wait and results take at most"},
        {"transcriptions.keep", TIME(1, YEARS), .applies = SERVER,
         IN_CONFIG(transcriptions.keep), .preset = "24h", .help = "how long results are kept"},

        {"log", SETTING_SECTION, .applies = SERVER, .stands_for = "log.level",
         .help = "log on standard error: a level, or a mapping"},
        {"log.level", CHOICE(level_names), .applies = SERVER, .verbs = ON_SERVE,
         IN_CONFIG(log_level), .is_live = true, .preset = "info",
         .help = "least important lines that are logged; clients that come and go are logged "
                 "at debug"},
        {"log.format", CHOICE(format_names), .applies = SERVER, .verbs = ON_SERVE,
         IN_CONFIG(log_format), .preset = "text",
         .help = "form of the log: text, or json with one object per line"},

        {"decoding", SETTING_SECTION, .applies = BOTH,
         .help = "options of the decoder under faster-whisper's names; a stream's go over the "
                 "server's"},
        {"decoding.beam_size", COUNT(0, DECODE_WIDTH_MAX), .applies = BOTH | CLIENT,
         .verbs = ON_TRANSCRIBE, IN_REQUEST(decoding.beam_size), .preset = "0",
         .help = "beam width at temperature 0: texts that are searched side by side; 1 is "
                 "greedy, 0 is 5 for live text that may be final while there is time, else 1"},
        {"decoding.patience", NUMBER(0.01, 100), .applies = BOTH, .verbs = ON_TRANSCRIBE,
         IN_REQUEST(decoding.patience), .preset = "1",
         .help = "patience of the beam search: it ends when beam_size times this many texts "
                 "have ended"},
        {"decoding.length_penalty", NUMBER(-10, 10), .applies = BOTH, .verbs = ON_TRANSCRIBE,
         IN_REQUEST(decoding.length_penalty), .preset = "1",
         .help = "length penalty: texts are compared by log probability divided by length to "
                 "this power, so that longer texts win more often the higher it is"},
        {"decoding.best_of", COUNT(1, DECODE_WIDTH_MAX), .applies = BOTH,
         .verbs = ON_TRANSCRIBE, IN_REQUEST(decoding.best_of), .preset = "5",
         .help = "samples that are drawn at temperatures above 0; the likeliest wins"},
        {"decoding.temperature", SETTING_NUMBERS, .least = 0, .most = 10, .applies = BOTH,
         .verbs = ON_TRANSCRIBE, IN_REQUEST(decoding.temperatures),
         .items_max = DECODE_TEMPERATURES_MAX,
         .n_offset = offsetof(struct request_defaults, decoding.n_temperatures),
         .preset = "0,0.2,0.4,0.6,0.8,1",
         .help = "temperatures of the sampler, tried in turn while the text is doubtful"},
        {"decoding.compression_ratio_threshold", NUMBER(1, 100), .applies = BOTH,
         .verbs = ON_TRANSCRIBE, IN_REQUEST(decoding.compression_ratio_threshold),
         OFF(INFINITY), .preset = "2.4",
         .help = "compression ratio (zlib) above which a text repeats itself and is doubtful"},
        {"decoding.log_prob_threshold", NUMBER(-10, 0), .applies = BOTH, .verbs = ON_TRANSCRIBE,
         IN_REQUEST(decoding.log_prob_threshold), OFF(-INFINITY), .preset = "-1",
         .help = "mean log probability of its tokens below which a text is doubtful"},
        {"decoding.no_speech_threshold", NUMBER(0, 1), .applies = BOTH, .verbs = ON_TRANSCRIBE,
         IN_REQUEST(decoding.no_speech_threshold), OFF(INFINITY), .preset = "0.6",
         .help = "probability of silence above which a window has no text, if its text is also "
                 "doubtful by log_prob_threshold"},
        {"decoding.condition_on_previous_text", SWITCH, .applies = BOTH, .verbs = ON_TRANSCRIBE,
         IN_REQUEST(decoding.condition_on_previous_text), .preset = "true",
         .help = "whether the decoder is given the text before a window, where windows follow "
                 "each other (--no-vad, and within 30 s)"},
        {"decoding.prompt_reset_on_temperature", NUMBER(0, 10), .applies = BOTH,
         .verbs = ON_TRANSCRIBE, IN_REQUEST(decoding.prompt_reset_on_temperature),
         OFF(INFINITY), .preset = "0.5",
         .help = "temperature above which a text is not given to the next window"},
        {"decoding.initial_prompt", TEXT(DECODE_TEXT_MAX), .applies = BOTH,
         .verbs = ON_TRANSCRIBE, IN_REQUEST(decoding.prompt), .help = PROMPT_HELP},
        {"decoding.prefix", TEXT(DECODE_TEXT_MAX), .applies = BOTH, .verbs = ON_TRANSCRIBE,
         IN_REQUEST(decoding.prefix),
         .help = "text that the first window begins with; it is not shown"},
        {"decoding.hotwords", TEXT(DECODE_TEXT_MAX), .applies = BOTH, .verbs = ON_TRANSCRIBE,
         IN_REQUEST(decoding.hotwords), .list = " ", .expected = "words, at most 16384 bytes",
         .help = HOTWORDS_HELP},
        {"decoding.suppress_blank", SWITCH, .applies = BOTH, .verbs = ON_TRANSCRIBE,
         IN_REQUEST(decoding.suppress_blank), .preset = "true",
         .help = "whether a text may not begin with a blank"},
        {"decoding.suppress_tokens", SETTING_COUNTS, .least = -1, .most = 51865,
         .applies = BOTH, .verbs = ON_TRANSCRIBE, IN_REQUEST(decoding.suppress_tokens),
         .items_max = DECODE_SUPPRESSED_MAX,
         .n_offset = offsetof(struct request_defaults, decoding.n_suppress_tokens),
         .preset = "-1",
         .help = "tokens that are never said, by number; -1 is Whisper's list of signs that "
                 "are no speech"},
        {"decoding.without_timestamps", SWITCH, .applies = BOTH, .verbs = ON_TRANSCRIBE,
         IN_REQUEST(decoding.without_timestamps),
         .preset_words =
                 "false with --no-vad and for subtitles without word_timestamps, else true",
         .help = "whether the model is not asked when segments begin and end"},
        {"decoding.max_initial_timestamp", TIME(0, 30), .applies = BOTH, .verbs = ON_TRANSCRIBE,
         IN_REQUEST(decoding.max_initial_timestamp), .preset = "1",
         .help = "latest beginning of a window's first segment, where the model is asked for "
                 "timestamps"},
        {"decoding.max_new_tokens", COUNT(0, 448), .applies = BOTH, .verbs = ON_TRANSCRIBE,
         IN_REQUEST(decoding.max_new_tokens), .zero = "as many as fit", .preset = "0",
         .help = "longest text of a window, in tokens"},
        {"decoding.repetition_penalty", NUMBER(0.1, 10), .applies = BOTH,
         .verbs = ON_TRANSCRIBE, IN_REQUEST(decoding.repetition_penalty), .preset = "1",
         .help = "repetition penalty: above 1, tokens that were said are less likely to be "
                 "said again"},
        {"decoding.no_repeat_ngram_size", COUNT(0, 448), .applies = BOTH,
         .verbs = ON_TRANSCRIBE, IN_REQUEST(decoding.no_repeat_ngram_size), .zero = "off",
         .preset = "0", .help = "tokens in a row that may not occur twice in a text"},
        {"decoding.word_timestamps", SWITCH, .applies = BOTH | CLIENT, .verbs = ON_TRANSCRIBE,
         IN_REQUEST(decoding.word_timestamps), .preset_words = "true for subtitles, else false",
         .help = "whether the time of each word is found, which takes one more pass of the "
                 "decoder"},
        {"decoding.hallucination_silence_threshold", TIME(0, 30), .applies = BOTH,
         .verbs = ON_TRANSCRIBE, IN_REQUEST(decoding.hallucination_silence_threshold),
         OFF(INFINITY), .preset = "off",
         .help = "silence beyond which improbable words that it surrounds are skipped as made "
                 "up; needs word_timestamps and, in transcribe, --no-vad"},
        {"decoding.prepend_punctuations", TEXT(256), .applies = BOTH, .verbs = ON_TRANSCRIBE,
         IN_REQUEST(decoding.prepend_punctuations), .preset_words = "\"'“¿([{-",
         .expected = "signs, at most 256 bytes",
         .help = "punctuation signs that belong to the word after them"},
        {"decoding.append_punctuations", TEXT(256), .applies = BOTH, .verbs = ON_TRANSCRIBE,
         IN_REQUEST(decoding.append_punctuations), .preset_words = "\"'.。,，!！?？:：”)]}、",
         .expected = "signs, at most 256 bytes",
         .help = "punctuation signs that belong to the word before them"},
        {"decoding.multilingual", SWITCH, .applies = BOTH, .verbs = ON_TRANSCRIBE,
         IN_REQUEST(decoding.multilingual),
         .preset_words = "true for pulled streams without a language, else false",
         .help = "whether the language is detected for each window anew, even where one is "
                 "given; false detects it once and stays with it"},
        {"decoding.language_detection_segments", COUNT(1, 4), .applies = BOTH,
         .verbs = ON_TRANSCRIBE, IN_REQUEST(decoding.language_detection_segments),
         .preset = "1",
         .help = "windows that a file's language is detected by: the first that is sure "
                 "decides, else the majority; only where files are cut at pauses"},
        {"decoding.language_detection_threshold", NUMBER(0, 1), .applies = BOTH,
         .verbs = ON_TRANSCRIBE, IN_REQUEST(decoding.language_detection_threshold),
         .preset = "0.5",
         .help = "probability above which one window decides a file's language by itself"},

        {"state_dir", SETTING_PATH, .most = DBL_MAX, .applies = SERVER, .verbs = ON_STATE,
         IN_CONFIG(state_dir), .argument = "DIR",
         .preset_words = "$XDG_STATE_HOME/eavesdrop, else ~/.local/state/eavesdrop",
         .expected = "the folder for what outlives the process",
         .help = "folder for what outlives the process: the journal and its sound, tokens, "
                 "certificates, what the API has changed, files to be made text, and the "
                 "backlog's audio"},

        {"journal", SETTING_SECTION, .applies = BOTH, .stands_for = "journal.text",
         .help = "what is kept of what was heard: on, off, or a mapping"},
        {"journal.text", SWITCH, .applies = BOTH, IN_REQUEST(has_journal), .preset = "true",
         .help = "whether the text of pulled streams is kept in the journal"},
        {"journal.sessions", SWITCH, .applies = SERVER, IN_CONFIG(journal.has_sessions),
         .preset = "false",
         .help = "whether the text of clients' sessions is kept as well, where they do not ask "
                 "for it"},
        {"journal.keep", SETTING_SECTION, .applies = SERVER,
         .help = "how much of the text is kept; the oldest goes first"},
        {"journal.keep.age", TIME(0, 1000 * YEARS), .applies = SERVER,
         IN_CONFIG(journal.keep_age), .zero = "for ever", .preset = "30d",
         .help = "age at which text is removed from the journal"},
        {"journal.keep.size", SIZE(0, 1000 * TB), .applies = SERVER,
         IN_CONFIG(journal.keep_bytes), .zero = "no limit", .preset = "10GB",
         .help = "size of the journal's database beyond which the oldest text is removed"},
        {"journal.audio", SETTING_SECTION, .applies = BOTH, .stands_for = "journal.audio.sound",
         .help = "sound of what was heard, kept beside its text: on, off, or a mapping"},
        {"journal.audio.sound", SWITCH, .applies = BOTH, IN_REQUEST(has_archive),
         .preset = "false",
         .help = "whether the sound of what was heard is kept, as Opus in Ogg files"},
        {"journal.audio.keep", SETTING_SECTION, .applies = SERVER,
         .help = "how much of the sound is kept; the oldest goes first"},
        {"journal.audio.keep.age", TIME(0, 1000 * YEARS), .applies = SERVER,
         IN_CONFIG(journal.sound_age), .zero = "for ever", .preset = "48h",
         .help = "age at which sound is removed"},
        {"journal.audio.keep.size", SIZE(0, 1000 * TB), .applies = SERVER,
         IN_CONFIG(journal.sound_bytes), .zero = "no limit", .preset = "20GB",
         .help = "size of all sound beyond which the oldest is removed"},

        {"alerts", SETTING_ALERTS, .applies = SERVER, .is_live = true, .preset_words = "none",
         .help = "words that somebody should be told of at once, by the alert's name"},
        {"words", TEXT(DECODE_TEXT_MAX), .applies = ALERT, IN_ALERT(words), .list = "\n",
         .preset_words = "none", .expected = "words and phrases, at most 16384 bytes",
         .help = "words or phrases that fire: one, or a list; whole words, whatever their case "
                 "and accents"},
        {"patterns", TEXT(DECODE_TEXT_MAX), .applies = ALERT, IN_ALERT(patterns), .list = "\n",
         .preset_words = "none", .expected = "regular expressions, at most 16384 bytes",
         .help = "regular expressions (PCRE2) that fire: one, or a list"},
        {"streams", SETTING_WORDS, .applies = ALERT, IN_ALERT(streams),
         .is_good = config_is_glob, .preset_words = "all",
         .expected = "a stream's name, or a glob such as door-*",
         .help = "streams that the alert listens to, by name or glob: one, or a list"},
        {"languages", SETTING_WORDS, .applies = ALERT, IN_ALERT(languages),
         .is_good = config_is_language, .preset_words = "all",
         .expected = "a language's code such as de",
         .help = "languages of the text that the alert looks at: one, or a list"},
        {"sessions", SWITCH, .applies = ALERT, IN_ALERT(wants_sessions), .preset = "false",
         .help = "whether the alert listens to clients' sessions too"},
        {"cooldown", TIME(0, 24 * HOURS), .applies = ALERT, IN_ALERT(cooldown), .preset = "0",
         .help = "time in which the alert does not fire again on the same stream"},
        {"when", CHOICE(when_names), .applies = ALERT, IN_ALERT(when), .preset = "final",
         .help = "text that fires: final, or stable, which is sooner and may be withdrawn"},

        {"sinks", SETTING_SINKS, .applies = SERVER, .preset_words = "none",
         .help = "where the journal's rows are delivered, by the sink's name"},
        {"type", CHOICE(sink_names), .applies = SINK, IN_SINK(type),
         .preset_words = "(must be there)", .help = "what kind of sink it is"},
        {"url", TEXT(4096), .applies = SINK, IN_SINK(url), .preset_words = "none",
         .is_secret = true, .expected = "a URL, at most 4096 bytes",
         .help = "address of an mqtt, nats, webhook or postgresql sink, with user and password "
                 "where it needs them"},
        {"path", TEXT(4096), .applies = SINK, IN_SINK(path), .preset_words = "none",
         .expected = "a file's path, at most 4096 bytes",
         .help = "file of a lines sink; a relative path starts from the state folder"},
        {"subject", TEXT(256), .applies = SINK, IN_SINK(subject),
         .preset = "eavesdrop.{stream}",
         .help = "subject of a nats sink, with the fields of a row in braces"},
        {"stream", TEXT(256), .applies = SINK, IN_SINK(stream),
         .preset_words = "the one that has the subject",
         .help = "JetStream stream of a nats sink"},
        {"create", SWITCH, .applies = SINK, IN_SINK(can_create), .preset = "false",
         .help = "whether a nats sink makes its stream where there is none"},
        {"credentials", SETTING_PATH, .most = DBL_MAX, .applies = SINK, IN_SINK(credentials),
         .preset_words = "none", .expected = "the path of a NATS credentials file",
         .help = "credentials file of a nats sink"},
        {"prefix", TEXT(256), .applies = SINK, IN_SINK(prefix), .preset = "eavesdrop",
         .help = "what the topics of an mqtt sink begin with"},
        {"home_assistant", SWITCH, .applies = SINK, IN_SINK(has_home_assistant),
         .preset = "false",
         .help = "whether an mqtt sink announces the streams to Home Assistant"},
        {"discovery_prefix", TEXT(256), .applies = SINK, IN_SINK(discovery_prefix),
         .preset = "homeassistant",
         .help = "what Home Assistant's discovery topics begin with"},
        {"partials", SWITCH, .applies = SINK, IN_SINK(wants_partials), .preset = "false",
         .help = "whether an mqtt sink tells partial text too"},
        {"secret", TEXT(4096), .applies = SINK, IN_SINK(secret), .preset_words = "none",
         .is_secret = true,
         .help = "secret that a webhook's requests are signed with (whsec_... as Standard "
                 "Webhooks have it, or any text)"},
        {"table", TEXT(128), .applies = SINK, IN_SINK(table), .preset = "heard",
         .help = "table of a postgresql sink; made where there is none"},
        {"authority", SETTING_PATH, .most = DBL_MAX, .applies = SINK, IN_SINK(authority),
         .preset_words = "none", .expected = "the path of a file of certificates",
         .help = "file of certificates (PEM) that are trusted beside the system's; with "
                 "postgresql in their place"},
        {"streams", SETTING_WORDS, .applies = SINK, IN_SINK(streams), .is_good = config_is_glob,
         .preset_words = "all", .expected = "a stream's name, or a glob such as door-*",
         .help = "streams that the sink hears of, by name or glob: one, or a list"},
        {"languages", SETTING_WORDS, .applies = SINK, IN_SINK(languages),
         .is_good = config_is_language, .preset_words = "all",
         .expected = "a language's code such as de",
         .help = "languages of the text that the sink hears of: one, or a list"},
        {"sessions", SWITCH, .applies = SINK, IN_SINK(wants_sessions), .preset = "true",
         .help = "whether the sink hears of clients' sessions where they are journaled"},
        {"what", SETTING_WORDS, .applies = SINK, IN_SINK(kinds), .is_good = config_is_kind,
         .preset_words = "all", .expected = "segment, alert or status",
         .help = "kinds of rows that the sink is given: segment, alert, status, or a list"},
        {"from", TEXT(64), .applies = SINK, IN_SINK(from), .preset = "now",
         .help = "where a new sink begins: now, beginning, or a date such as 2026-11-30"},
        {"tries", COUNT(1, 1000), .applies = SINK, IN_SINK(tries_max), .preset = "5",
         .help = "how often a row that is refused is sent before it is set aside"},

        {"streams", SETTING_STREAMS, .applies = SERVER,
         .preset_words = "none: the server waits for clients",
         .help = "streams that the server fetches itself, by name: a URL, or a mapping"},
        {"track", TEXT(SOURCE_TRACK_MAX), .applies = STREAM, .verbs = ON_TRANSCRIBE,
         IN_REQUEST(track), .is_good = config_is_track, .argument = "N|LANGUAGE",
         .preset_words = "the first track with speech in it",
         .expected = "a sound track's number from 1, or a language's code such as de",
         .help = "which sound track is heard where there are several: its number among them, "
                 "from 1, or the code of its language"},
        {"transport", CHOICE(transport_names), .applies = STREAM, IN_STREAM(transport),
         .preset = "tcp", .help = "transport of RTSP's audio"},
        {"loop", SWITCH, .applies = STREAM, IN_STREAM(is_looped), .preset = "false",
         .help = "whether a file is played again and again; for files only"},
        {0},
};
// clang-format on
