# SPDX-License-Identifier: EPL-2.0
# Turns the file INPUT into the C array NAME in the header OUTPUT.
file(READ ${INPUT} hex HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
file(WRITE ${OUTPUT} "static const unsigned char ${NAME}[] = {${bytes}0};\n")
