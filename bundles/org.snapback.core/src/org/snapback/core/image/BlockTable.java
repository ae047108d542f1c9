// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;

/** Where the blocks of an image are in its file; an entry is decoded each time it is asked for. */
final class BlockTable {

    /** A block's pages, at most. */
    static final int PAGES_MAX = 256;

    private static final int PLAIN = 0;
    private static final int ZSTD = 1;
    private static final int AT_CHECKSUM = 8;
    private static final int AT_STORED = 16;
    private static final int AT_PAGES = 20;
    private static final int AT_COMPRESSION = 22;
    private static final int AT_RESERVED = 23;

    private final ByteBuffer table;

    /**
     * @param end of the blocks in the file
     * @throws ImageFormatException if one cannot be a block of that file
     */
    BlockTable(byte[] table, long end, Path file) throws ImageFormatException {
        this.table = ByteBuffer.wrap(table).order(ByteOrder.LITTLE_ENDIAN);
        for (int block = 0; block < count(); block++) {
            if (!isSound(block, end)) {
                throw new ImageFormatException(file, "is damaged: block " + block + " cannot be where its table says");
            }
        }
    }

    int count() {
        return table.limit() / ImageHeader.BLOCK_BYTES;
    }

    private static int at(int block) {
        return block * ImageHeader.BLOCK_BYTES;
    }

    long offset(int block) {
        return table.getLong(at(block));
    }

    long checksum(int block) {
        return table.getLong(at(block) + AT_CHECKSUM);
    }

    /** Bytes in the file; never more than {@link #PAGES_MAX} pages. */
    int stored(int block) {
        return table.getInt(at(block) + AT_STORED);
    }

    int pages(int block) {
        return Short.toUnsignedInt(table.getShort(at(block) + AT_PAGES));
    }

    private boolean isSound(int block, long end) {
        int unpacked = pages(block) * ImageHeader.PAGE;
        boolean sizes = pages(block) > 0 && pages(block) <= PAGES_MAX && stored(block) > 0 && stored(block) <= unpacked;
        boolean place = offset(block) >= ImageHeader.BYTES && offset(block) <= end && stored(block) <= end - offset(block);
        boolean packing =
                switch (table.get(at(block) + AT_COMPRESSION)) {
                    case PLAIN -> stored(block) == unpacked && offset(block) % ImageHeader.PAGE == 0;
                    case ZSTD -> stored(block) < unpacked;
                    default -> false;
                };
        return sizes && place && packing && table.get(at(block) + AT_RESERVED) == 0;
    }
}
