#include "util/date.h"

#include <ctype.h>
#include <stddef.h>
#include <time.h>

// `n` digits at *text, which moves behind them, as a number within limits.
static bool digits_read(const char **text, int n, int least, int most, int *ret) {
        int value = 0;

        for (int i = 0; i < n; i++, (*text)++) {
                if (!isdigit((unsigned char)**text))
                        return false;
                value = value * 10 + (**text - '0');
        }
        *ret = value;
        return value >= least && value <= most;
}

static bool char_read(const char **text, char wanted) {
        if (**text != wanted)
                return false;
        (*text)++;
        return true;
}

static bool day_read(const char **text, struct tm *ret) {
        int year, month;

        if (!digits_read(text, 4, 1970, 9999, &year) || !char_read(text, '-') ||
            !digits_read(text, 2, 1, 12, &month) || !char_read(text, '-') ||
            !digits_read(text, 2, 1, 31, &ret->tm_mday))
                return false;
        ret->tm_year = year - 1900;
        ret->tm_mon = month - 1;
        return true;
}

// "12:00", "12:00:30", "12:00:30.5".
static bool time_read(const char **text, struct tm *ret, int *ret_ms) {
        if (!digits_read(text, 2, 0, 23, &ret->tm_hour) || !char_read(text, ':') ||
            !digits_read(text, 2, 0, 59, &ret->tm_min))
                return false;
        if (!char_read(text, ':'))
                return true;
        if (!digits_read(text, 2, 0, 60, &ret->tm_sec))
                return false;
        if (!char_read(text, '.'))
                return true;
        if (!isdigit((unsigned char)**text))
                return false;
        for (int unit = 100; isdigit((unsigned char)**text); (*text)++, unit /= 10)
                *ret_ms += (**text - '0') * unit;
        return true;
}

// "Z", "+01:00" or nothing, which is the machine's zone.
static bool zone_read(const char **text, bool *ret_is_local, int *ret_minutes) {
        int hours, minutes, sign = **text == '-' ? -1 : 1;

        *ret_is_local = **text == '\0';
        if (*ret_is_local || char_read(text, 'Z'))
                return true;
        if (!char_read(text, '+') && !char_read(text, '-'))
                return false;
        if (!digits_read(text, 2, 0, 14, &hours) || !char_read(text, ':') ||
            !digits_read(text, 2, 0, 59, &minutes))
                return false;
        *ret_minutes = sign * (hours * 60 + minutes);
        return true;
}

bool date_read(const char *text, int64_t *ret) {
        struct tm tm = {.tm_isdst = -1};
        int ms = 0, offset = 0, day;
        bool is_local = true;
        time_t seconds;

        if (!day_read(&text, &tm))
                return false;
        day = tm.tm_mday;
        if ((char_read(&text, 'T') || char_read(&text, ' ')) &&
            (!time_read(&text, &tm, &ms) || !zone_read(&text, &is_local, &offset)))
                return false;
        if (*text != '\0')
                return false;
        seconds = is_local ? mktime(&tm) : timegm(&tm);
        // The 31st of a month of thirty days would be the first of the next.
        if (seconds == (time_t)-1 || tm.tm_mday != day)
                return false;
        *ret = ((int64_t)seconds - offset * 60) * 1000 + ms;
        return true;
}
