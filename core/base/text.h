/* Sentences for people, marked by gettext's macros so that they can be translated. They come in the language
 * of the program that has said where its translations lie, as the plug-in does; the command does not, and
 * speaks English throughout. */
#pragma once

#include <glib/gi18n-lib.h>
