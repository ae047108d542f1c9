// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * The first page of an image: what it is and where its tables are; docs/image-format.md says which byte is what.
 *
 * @param id tells this image from every other, as 32 hexadecimal digits
 * @param bytes of the whole file
 * @param metadata its entries are bytes
 */
record ImageHeader(String id, long bytes, TablePlace extents, TablePlace blocks, TablePlace metadata) {

    static final int BYTES = 4096;
    static final int PAGE = 4096;
    static final int EXTENT_BYTES = 32;
    static final int BLOCK_BYTES = 24;

    /**
     * What a workbench is ready to hold: the tables of some hundred GiB. The native reader allows more.
     */
    static final int EXTENTS_MAX = 1 << 22;

    static final int BLOCKS_MAX = 1 << 21;
    static final int METADATA_MAX = 64 << 20;

    private static final byte[] MAGIC = {(byte) 0x89, 'S', 'N', 'A', 'P', '\r', '\n', 0x1a};
    private static final int VERSION = 1;
    private static final int TABLE_ALIGNMENT = 8;
    private static final int AT_VERSION = 8;
    private static final int AT_PAGE_SIZE = 12;
    private static final int AT_ID = 16;
    private static final int AT_BYTES = 32;
    private static final int AT_EXTENTS = 40;
    private static final int AT_BLOCKS = 64;
    private static final int AT_METADATA = 88;
    private static final int AT_CHECKSUM = BYTES - Long.BYTES;

    /** A table of so many entries, and the XXH64 of its bytes. */
    record TablePlace(long offset, long count, long checksum) {

        static TablePlace decode(ByteBuffer bytes, int at) {
            return new TablePlace(
                    bytes.getLong(at), bytes.getLong(at + Long.BYTES), bytes.getLong(at + 2 * Long.BYTES));
        }
    }

    /** @param page the first {@link #BYTES} bytes of the file */
    static ImageHeader decode(byte[] page, Path file) throws ImageFormatException {
        ByteBuffer bytes = ByteBuffer.wrap(page).order(ByteOrder.LITTLE_ENDIAN);
        if (!Arrays.equals(page, 0, MAGIC.length, MAGIC, 0, MAGIC.length)) {
            throw new ImageFormatException(file, "is no image of Snapback");
        }
        if (bytes.getLong(AT_CHECKSUM) != XxHash64.of(page, AT_CHECKSUM)) {
            throw new ImageFormatException(file, "is damaged: its header has another checksum");
        }
        if (bytes.getInt(AT_VERSION) != VERSION) {
            throw new ImageFormatException(file, "was written by another version of Snapback; use that one");
        }
        if (bytes.getInt(AT_PAGE_SIZE) != PAGE) {
            throw new ImageFormatException(file, "comes from a machine with pages of another size");
        }
        ImageHeader header = new ImageHeader(
                HexFormat.of().formatHex(page, AT_ID, AT_BYTES),
                bytes.getLong(AT_BYTES),
                TablePlace.decode(bytes, AT_EXTENTS),
                TablePlace.decode(bytes, AT_BLOCKS),
                TablePlace.decode(bytes, AT_METADATA));
        header.check(file);
        return header;
    }

    private void check(Path file) throws ImageFormatException {
        boolean small = within(extents.count, EXTENTS_MAX)
                && within(blocks.count, BLOCKS_MAX)
                && within(metadata.count, METADATA_MAX);
        if (!small) {
            throw new ImageFormatException(
                    file, "has tables too large to be shown here; look at it by \"snapback inspect\"");
        }
        if (!placesFit()) {
            throw new ImageFormatException(file, "is damaged: the places of its tables do not fit together");
        }
    }

    private static boolean within(long count, long most) {
        return count >= 0 && count <= most;
    }

    /** The tables stand one behind the other up to the end of the file. */
    private boolean placesFit() {
        return extents.offset >= BYTES
                && extents.offset <= bytes
                && extents.offset % TABLE_ALIGNMENT == 0
                && blocks.offset == extents.offset + extents.count * EXTENT_BYTES
                && metadata.offset == blocks.offset + blocks.count * BLOCK_BYTES
                && bytes == metadata.offset + metadata.count;
    }
}
