// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.image;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** XXH64 with seed 0, the checksum of images; the algorithm is described in xxHash's own specification. */
public final class XxHash64 {

    private static final long PRIME_1 = 0x9E3779B185EBCA87L;
    private static final long PRIME_2 = 0xC2B2AE3D27D4EB4FL;
    private static final long PRIME_3 = 0x165667B19E3779F9L;
    private static final long PRIME_4 = 0x85EBCA77C2B2AE63L;
    private static final long PRIME_5 = 0x27D4EB2F165667C5L;

    private static final int LANES = 4;
    private static final int STRIPE = LANES * Long.BYTES;

    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

    private XxHash64() {}

    public static long of(byte[] bytes) {
        return of(bytes, bytes.length);
    }

    /** Of the first bytes of the array. */
    public static long of(byte[] bytes, int length) {
        int at = length - length % STRIPE;
        long hash = at == 0 ? PRIME_5 : stripes(bytes, at);
        return avalanche(rest(hash + length, bytes, at, length));
    }

    private static long stripes(byte[] bytes, int end) {
        long[] lane = {PRIME_1 + PRIME_2, PRIME_2, 0, -PRIME_1};
        for (int at = 0; at < end; at += STRIPE) {
            for (int i = 0; i < LANES; i++) {
                lane[i] = round(lane[i], (long) LONG.get(bytes, at + i * Long.BYTES));
            }
        }
        long hash = Long.rotateLeft(lane[0], 1)
                + Long.rotateLeft(lane[1], 7)
                + Long.rotateLeft(lane[2], 12)
                + Long.rotateLeft(lane[3], 18);
        for (long value : lane) {
            hash = (hash ^ round(0, value)) * PRIME_1 + PRIME_4;
        }
        return hash;
    }

    private static long round(long lane, long input) {
        return Long.rotateLeft(lane + input * PRIME_2, 31) * PRIME_1;
    }

    /** The fewer than 32 bytes at the end. */
    private static long rest(long begun, byte[] bytes, int from, int end) {
        long hash = begun;
        int at = from;
        for (; at + Long.BYTES <= end; at += Long.BYTES) {
            hash = Long.rotateLeft(hash ^ round(0, (long) LONG.get(bytes, at)), 27) * PRIME_1 + PRIME_4;
        }
        if (at + Integer.BYTES <= end) {
            long word = Integer.toUnsignedLong((int) INT.get(bytes, at));
            hash = Long.rotateLeft(hash ^ word * PRIME_1, 23) * PRIME_2 + PRIME_3;
            at += Integer.BYTES;
        }
        for (; at < end; at++) {
            hash = Long.rotateLeft(hash ^ Byte.toUnsignedLong(bytes[at]) * PRIME_5, 11) * PRIME_1;
        }
        return hash;
    }

    private static long avalanche(long hash) {
        long mixed = (hash ^ hash >>> 33) * PRIME_2;
        mixed = (mixed ^ mixed >>> 29) * PRIME_3;
        return mixed ^ mixed >>> 32;
    }
}
