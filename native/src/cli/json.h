// SPDX-License-Identifier: EPL-2.0
// Protocol messages as JSON: fields named as in control.proto, enumerations as lower-case words.
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdio.h>

void json_string(FILE *out, const char *text);
void json_message(FILE *out, const ProtobufCMessage *message);

// The fields alone, without braces: more can be put beside them.
void json_fields(FILE *out, const ProtobufCMessage *message);
