// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.tests;

import com.google.protobuf.ByteString;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import org.snapback.core.image.XxHash64;
import org.snapback.core.image.schema.Descriptor;
import org.snapback.core.image.schema.FileIdentity;
import org.snapback.core.image.schema.Image;
import org.snapback.core.image.schema.Mapping;
import org.snapback.core.image.schema.MappingKind;
import org.snapback.core.image.schema.OpenFile;
import org.snapback.core.image.schema.OpenFileKind;
import org.snapback.core.image.schema.Process;
import org.snapback.core.image.schema.Thread;

/** Writes small images byte by byte, as docs/image-format.md says, so that a test can make each of them wrong. */
final class ImageBytes {

    static final int PAGE = 4096;
    static final int AT_BYTES = 32;
    static final int AT_EXTENTS = 40;
    static final int AT_BLOCKS = 64;
    static final int AT_METADATA = 88;
    static final int AT_CHECKSUM = PAGE - 8;

    /** A page of data and one of zeros in the stack of a process with a thread and a descriptor. */
    static final long STACK = 0x7ffc_0000_0000L;

    private Image metadata = metadata().build();
    private byte[] extents = table(extent(STACK, 1, 1, 0, 0, 0, 1), extent(STACK + PAGE, 1, 1, 0, 0, 0, 0));
    private final byte[] page = new byte[PAGE];
    private byte[] blocks;

    ImageBytes() {
        page[0] = 42;
        blocks = block(PAGE, PAGE, 1, 0);
    }

    static Image.Builder metadata() {
        ByteBuffer registers = ByteBuffer.allocate(216).order(ByteOrder.LITTLE_ENDIAN);
        registers.putLong(16 * 8, 0x401234);
        return Image.newBuilder()
                .setWriter("snapback 0.1.0")
                .setTakenMs(1000)
                .setSnapshot(3)
                .setSession("bank-1")
                .addCommand("/bin/bank")
                .addProcess(Process.newBuilder()
                        .setPid(70000)
                        .setSpace(1)
                        .setExecutable(FileIdentity.newBuilder().setPath("/bin/bank"))
                        .addMapping(mapping(0x401000, 0x402000, "/bin/bank"))
                        .addMapping(mapping(STACK, STACK + 4 * PAGE, "[stack]").setProtection(3))
                        .addThread(Thread.newBuilder()
                                .setTid(70000)
                                .setName("bank")
                                .setPc(0x401234)
                                .setRegisters(ByteString.copyFrom(registers.array())))
                        .addDescriptor(Descriptor.newBuilder().setNumber(3).setOpenFile(1)))
                .addOpenFile(OpenFile.newBuilder()
                        .setId(1)
                        .setKind(OpenFileKind.OPEN_FILE_KIND_FILE)
                        .setFlags(1)
                        .setPosition(17)
                        .setFile(FileIdentity.newBuilder().setPath("/tmp/log")));
    }

    static Mapping.Builder mapping(long start, long end, String name) {
        return Mapping.newBuilder()
                .setStart(start)
                .setEnd(end)
                .setProtection(5)
                .setKind(name.startsWith("/") ? MappingKind.MAPPING_KIND_FILE_PRIVATE : MappingKind.MAPPING_KIND_ANONYMOUS)
                .setName(name);
    }

    static byte[] extent(long start, int space, int pages, int file, int block, int first, int kind) {
        return little(32).putLong(start).putInt(space).putInt(pages).putInt(file).putInt(block).putInt(first).putInt(kind).array();
    }

    /** Its checksum is that of the page that these images hold. */
    byte[] block(long offset, int stored, int pages, int compression) {
        return little(24).putLong(offset).putLong(XxHash64.of(page)).putInt(stored).putShort((short) pages).put((byte) compression).array();
    }

    static ByteBuffer little(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }

    static byte[] table(byte[]... entries) {
        int size = 0;
        for (byte[] entry : entries) {
            size += entry.length;
        }
        ByteBuffer table = ByteBuffer.allocate(size);
        for (byte[] entry : entries) {
            table.put(entry);
        }
        return table.array();
    }

    ImageBytes metadata(Image changed) {
        metadata = changed;
        return this;
    }

    ImageBytes extents(byte[]... entries) {
        extents = table(entries);
        return this;
    }

    ImageBytes blocks(byte[]... entries) {
        blocks = table(entries);
        return this;
    }

    byte[] toBytes() {
        return toBytes(metadata.toByteArray());
    }

    byte[] toBytes(byte[] described) {
        int at = 2 * PAGE;
        ByteBuffer file = little(at + extents.length + blocks.length + described.length);
        file.put(new byte[] {(byte) 0x89, 'S', 'N', 'A', 'P', '\r', '\n', 0x1a}).putInt(1).putInt(PAGE);
        file.put("0123456789abcdef".getBytes(java.nio.charset.StandardCharsets.US_ASCII)).putLong(file.capacity());
        place(file, at, extents.length / 32, extents);
        place(file, at + extents.length, blocks.length / 24, blocks);
        place(file, at + extents.length + blocks.length, described.length, described);
        file.position(PAGE).put(page).put(extents).put(blocks).put(described);
        return sealed(file.array());
    }

    private static void place(ByteBuffer file, long offset, long count, byte[] bytes) {
        file.putLong(offset).putLong(count).putLong(XxHash64.of(bytes));
    }

    /** With the right checksum of the header. */
    static byte[] sealed(byte[] image) {
        ByteBuffer.wrap(image).order(ByteOrder.LITTLE_ENDIAN).putLong(AT_CHECKSUM, XxHash64.of(java.util.Arrays.copyOf(image, AT_CHECKSUM)));
        return image;
    }

    Path write(Path folder) throws IOException {
        return Files.write(folder.resolve("test.snapback"), toBytes());
    }
}
