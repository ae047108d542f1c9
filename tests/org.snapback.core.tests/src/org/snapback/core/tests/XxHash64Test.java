// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.snapback.core.image.XxHash64;

/** The checksum, against values of the reference library. */
class XxHash64Test {

    @Test
    void knowsThePublishedValues() {
        assertEquals(0xef46db3751d8e999L, XxHash64.of(new byte[0]));
        assertEquals(0xd24ec4f1a98c6e5bL, XxHash64.of("a".getBytes(StandardCharsets.US_ASCII)));
        assertEquals(0x44bc2cf5ad770999L, XxHash64.of("abc".getBytes(StandardCharsets.US_ASCII)));
    }

    @Test
    void agreesWithTheReferenceForEveryKindOfEnd() {
        byte[] bytes = new byte[4096];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) (i * 7 + 3);
        }
        Map<Integer, Long> reference = Map.of(
                1, 0x1f25c8d0bc1f4bb6L,
                4, 0x9bb64b7d66ee9fdaL,
                7, 0x9a7b149959ce60d8L,
                8, 0xdab99d95c6f90092L,
                31, 0xa2aa5f33cc4a6119L,
                32, 0x23c3c17ef790fd97L,
                33, 0x50a7cfc7ba588784L,
                101, 0xbad4d3bf033bda4cL,
                4088, 0xcc94ec490919c556L,
                4096, 0x796398cd432797ccL);
        reference.forEach((length, hash) -> assertEquals(hash, XxHash64.of(bytes, length), length + " bytes"));
    }
}
