/* Trace lines on stderr, one a call, when XDOCTOR_TRACE=calls. */
#ifndef XDOCTOR_TRACE_H
#define XDOCTOR_TRACE_H

int trace_wanted(void);
/* For functions whose arguments nobody here knows. */
void trace_plain_call(const char *symbol);

#endif
