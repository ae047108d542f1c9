// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.tests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.snapback.core.image.ImageDescriptor;
import org.snapback.core.image.ImageFacts;
import org.snapback.core.image.ImageFile;
import org.snapback.core.image.ImageFormatException;
import org.snapback.core.image.ImageMapping;
import org.snapback.core.image.ImageMemory;
import org.snapback.core.image.ImageProcess;
import org.snapback.core.image.schema.Process;

/** What the reader of images makes of sound ones, and of those that are not. */
@Timeout(120)
class ImageFileTest {

    @TempDir
    Path folder;

    @Test
    void tellsWhatIsInAnImage() throws Exception {
        ImageFile image = ImageFile.read(new ImageBytes().write(folder));

        assertEquals("30313233343536373839616263646566", image.id());
        assertEquals(new ImageMemory(4096, 0, 4096), image.memory());
        ImageFacts facts = image.facts();
        assertEquals("Snapshot 3", facts.label());
        assertEquals(Instant.ofEpochMilli(1000), facts.taken());
        assertEquals(List.of("/bin/bank"), facts.command());
        assertEquals(1, facts.threads());
        ImageProcess process = facts.program();
        assertEquals("bank+0x234", process.threads().get(0).where());
        assertEquals(0x401234L, process.threads().get(0).registers().get("rip"));
        assertEquals(27, process.threads().get(0).registers().size());
        ImageMapping stack = process.mappings().get(1);
        assertEquals("rw-", stack.protection());
        assertEquals(ImageBytes.PAGE, stack.storedBytes());
        ImageDescriptor log = process.descriptors().get(0);
        assertEquals(new ImageDescriptor(3, ImageDescriptor.Kind.FILE, "/tmp/log", 1, 17, false, 1), log);
        assertEquals("w", log.access());
        image.verify(null);
    }

    @Test
    void noticesABlockThatHasChanged() throws Exception {
        byte[] bytes = new ImageBytes().toBytes();
        bytes[ImageBytes.PAGE + 100] ^= 1;
        ImageFile image = ImageFile.read(Files.write(folder.resolve("flipped.snapback"), bytes));

        String message = assertThrows(ImageFormatException.class, () -> image.verify(null)).getMessage();

        assertTrue(message.endsWith("is damaged: block 0 has another checksum."), message);
    }

    @Test
    void countsThePagesOfAPartOfASpace() throws Exception {
        long stack = ImageBytes.STACK;
        Process.Builder process = ImageBytes.metadata().getProcess(0).toBuilder().clearMapping();
        process.addMapping(ImageBytes.mapping(stack, stack + 0x2000, "[a]"));
        process.addMapping(ImageBytes.mapping(stack + 0x2000, stack + 0x6000, "[b]"));
        process.addMapping(ImageBytes.mapping(stack + 0x8000, stack + 0x9000, "[c]"));
        ImageBytes image = new ImageBytes();
        image.metadata(ImageBytes.metadata().setProcess(0, process).build());
        image.blocks(image.block(ImageBytes.PAGE, 4 * ImageBytes.PAGE, 4, 0));
        image.extents(
                ImageBytes.extent(stack + 0x1000, 1, 3, 0, 0, 0, 1),
                ImageBytes.extent(stack + 0x4000, 1, 1, 0, 0, 0, 0),
                ImageBytes.extent(stack + 0x8000, 1, 1, 0, 0, 3, 1));
        byte[] bytes = image.toBytes();
        // Room for the three further pages of the block.
        byte[] wide = widened(bytes, 3 * ImageBytes.PAGE);

        ImageFile read = ImageFile.read(Files.write(folder.resolve("wide.snapback"), wide));

        assertEquals(
                List.of(4096L, 2 * 4096L, 4096L),
                read.facts().program().mappings().stream().map(ImageMapping::storedBytes).toList());
    }

    private static byte[] widened(byte[] image, int more) {
        ByteBuffer wide = ByteBuffer.allocate(image.length + more).order(ByteOrder.LITTLE_ENDIAN);
        wide.put(image, 0, 2 * ImageBytes.PAGE);
        wide.put(2 * ImageBytes.PAGE + more, image, 2 * ImageBytes.PAGE, image.length - 2 * ImageBytes.PAGE);
        wide.putLong(ImageBytes.AT_BYTES, wide.capacity());
        for (int at : new int[] {ImageBytes.AT_EXTENTS, ImageBytes.AT_BLOCKS, ImageBytes.AT_METADATA}) {
            wide.putLong(at, wide.getLong(at) + more);
        }
        return ImageBytes.sealed(wide.array());
    }

    /** An image that is wrong in one way, and how the sentence that says so ends. */
    private record Wrong(String name, byte[] bytes, String message) {}

    @TestFactory
    Stream<DynamicTest> saysWhatIsWrong() {
        return wrong().stream().map(wrong -> DynamicTest.dynamicTest(wrong.name, () -> {
            Path file = Files.write(folder.resolve("wrong.snapback"), wrong.bytes);
            String message = assertThrows(ImageFormatException.class, () -> ImageFile.read(file)).getMessage();
            assertEquals(file + " " + wrong.message + ".", message);
        }));
    }

    private static List<Wrong> wrong() {
        byte[] good = new ImageBytes().toBytes();
        return List.of(
                new Wrong("empty", new byte[0], "is no image of Snapback"),
                new Wrong("text", new byte[8192], "is no image of Snapback"),
                new Wrong("flipped header", flipped(good, 40), "is damaged: its header has another checksum"),
                new Wrong(
                        "newer version",
                        with(good, 8, 2),
                        "was written by another version of Snapback; use that one"),
                new Wrong("large pages", with(good, 12, 65536), "comes from a machine with pages of another size"),
                new Wrong(
                        "cut",
                        Arrays.copyOf(good, good.length - 1),
                        "is damaged: it has " + (good.length - 1) + " bytes and should have " + good.length),
                new Wrong(
                        "a billion extents",
                        with(good, ImageBytes.AT_EXTENTS + 8, 1 << 30),
                        "has tables too large to be shown here; look at it by \"snapback inspect\""),
                new Wrong(
                        "tables that overlap",
                        with(good, ImageBytes.AT_BLOCKS + 8, 0),
                        "is damaged: the places of its tables do not fit together"),
                new Wrong(
                        "flipped table",
                        flipped(good, 2 * ImageBytes.PAGE),
                        "is damaged: its table of extents has another checksum"),
                new Wrong(
                        "flipped metadata",
                        flipped(good, good.length - 1),
                        "is damaged: its metadata has another checksum"),
                new Wrong(
                        "no process",
                        new ImageBytes().metadata(ImageBytes.metadata().clearProcess().build()).toBytes(),
                        "is damaged: there is no process in it"),
                new Wrong(
                        "metadata that ends inside of a field",
                        new ImageBytes().toBytes(new byte[] {10, 100, 1}),
                        "is damaged: its metadata cannot be decoded"),
                new Wrong(
                        "a length below zero",
                        new ImageBytes().toBytes(new byte[] {66, -1, -1, -1, -1, 15}),
                        "is damaged: its metadata cannot be decoded"),
                new Wrong(
                        "three million processes",
                        new ImageBytes().toBytes(many(3 << 20)),
                        "cannot be shown: it describes too much; look at it by \"snapback inspect\""),
                new Wrong("block behind the blocks", blocks(16 * ImageBytes.PAGE, ImageBytes.PAGE, 1, 0), block()),
                new Wrong("block over the header", blocks(0, ImageBytes.PAGE, 1, 0), block()),
                new Wrong("block beyond all numbers", blocks(-ImageBytes.PAGE, ImageBytes.PAGE, 1, 0), block()),
                new Wrong("block without pages", blocks(ImageBytes.PAGE, 1, 0, 1), block()),
                new Wrong("block packed to more", blocks(ImageBytes.PAGE, ImageBytes.PAGE, 1, 1), block()),
                new Wrong("block of another packing", blocks(ImageBytes.PAGE, 7, 1, 9), block()),
                new Wrong("extent without pages", extents(ImageBytes.STACK, 1, 0, 0, 0, 0, 1), extent(0)),
                new Wrong("extent not on a page", extents(7, 1, 1, 0, 0, 0, 1), extent(0)),
                new Wrong("extent over the end", extents(-ImageBytes.PAGE, 1, 2, 0, 0, 0, 0), extent(0)),
                new Wrong("extent of no space", extents(0, 0, 1, 0, 0, 0, 0), extent(0)),
                new Wrong("extent of another block", extents(0, 1, 1, 0, 1, 0, 1), extent(0)),
                new Wrong("extent behind its block", extents(0, 1, 1, 0, 0, 1, 1), extent(0)),
                new Wrong("extent of no ancestor", extents(0, 1, 1, 1, 0, 0, 1), extent(0)),
                new Wrong("extent of another kind", extents(0, 1, 1, 0, 0, 0, 2), extent(0)),
                new Wrong(
                        "extents in disorder",
                        new ImageBytes()
                                .extents(
                                        ImageBytes.extent(0x2000, 1, 1, 0, 0, 0, 0),
                                        ImageBytes.extent(0x1000, 1, 1, 0, 0, 0, 0))
                                .toBytes(),
                        extent(1)));
    }

    private static String block() {
        return "is damaged: block 0 cannot be where its table says";
    }

    private static String extent(int number) {
        return "is damaged: entry " + number + " of its extents is not sound";
    }

    private static byte[] blocks(long offset, int stored, int pages, int compression) {
        ImageBytes image = new ImageBytes();
        return image.blocks(image.block(offset, stored, pages, compression)).toBytes();
    }

    private static byte[] extents(long start, int space, int pages, int file, int block, int first, int kind) {
        return new ImageBytes()
                .extents(ImageBytes.extent(start, space, pages, file, block, first, kind))
                .toBytes();
    }

    /** So many empty processes. */
    private static byte[] many(int count) {
        byte[] metadata = new byte[2 * count];
        for (int at = 0; at < metadata.length; at += 2) {
            metadata[at] = 66;
        }
        return metadata;
    }

    private static byte[] flipped(byte[] image, int at) {
        byte[] changed = image.clone();
        changed[at] ^= 1;
        return changed;
    }

    private static byte[] with(byte[] image, int at, int value) {
        byte[] changed = image.clone();
        ByteBuffer.wrap(changed).order(ByteOrder.LITTLE_ENDIAN).putInt(at, value);
        return ImageBytes.sealed(changed);
    }

    @Test
    void refusesWhatIsNoFile() throws Exception {
        assertTrue(assertThrows(ImageFormatException.class, () -> ImageFile.read(folder))
                .getMessage()
                .endsWith("is no image of Snapback."));
        assertTrue(assertThrows(ImageFormatException.class, () -> ImageFile.read(folder.resolve("gone")))
                .getMessage()
                .endsWith("is not there any more."));
    }

    /** With the checksums right, so that what lies behind them is reached. */
    @Test
    void survivesMutatedMetadata() throws Exception {
        Random random = new Random(1);
        byte[] metadata = ImageBytes.metadata().build().toByteArray();
        for (int round = 0; round < 2000; round++) {
            byte[] mutated = metadata.clone();
            for (int change = random.nextInt(4); change >= 0; change--) {
                mutated[random.nextInt(mutated.length)] = (byte) random.nextInt();
            }
            readOrRefuse(new ImageBytes().toBytes(mutated));
        }
    }

    @Test
    void survivesMutatedFiles() throws Exception {
        Random random = new Random(2);
        byte[] good = new ImageBytes().toBytes();
        for (int round = 0; round < 2000; round++) {
            byte[] mutated = Arrays.copyOf(good, random.nextInt(8) == 0 ? random.nextInt(good.length) : good.length);
            int at = random.nextInt(mutated.length + 1);
            if (at < mutated.length) {
                mutated[at % (random.nextBoolean() ? 128 : mutated.length)] = (byte) random.nextInt();
            }
            readOrRefuse(mutated.length < ImageBytes.PAGE ? mutated : ImageBytes.sealed(mutated));
        }
    }

    private void readOrRefuse(byte[] bytes) throws IOException {
        Path file = Files.write(folder.resolve("mutated.snapback"), bytes);
        try {
            ImageFile image = ImageFile.read(file);
            image.memory();
            image.verify(null);
        } catch (ImageFormatException e) {
            assertTrue(e.getMessage().startsWith(file.toString()), e.getMessage());
        }
    }
}
