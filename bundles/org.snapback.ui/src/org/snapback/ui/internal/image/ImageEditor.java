// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal.image;

import java.io.IOException;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.eclipse.core.runtime.Adapters;
import org.eclipse.core.runtime.ICoreRunnable;
import org.eclipse.core.runtime.jobs.Job;
import org.eclipse.jface.layout.GridDataFactory;
import org.eclipse.jface.layout.GridLayoutFactory;
import org.eclipse.swt.SWT;
import org.eclipse.swt.custom.CTabFolder;
import org.eclipse.swt.custom.CTabItem;
import org.eclipse.swt.widgets.Composite;
import org.eclipse.swt.widgets.Label;
import org.eclipse.ui.IEditorInput;
import org.eclipse.ui.IEditorSite;
import org.eclipse.ui.IPathEditorInput;
import org.eclipse.ui.IURIEditorInput;
import org.eclipse.ui.PlatformUI;
import org.snapback.core.image.ImageFile;
import org.snapback.core.image.KnownImages;
import org.snapback.ui.internal.Messages;

/** Shows what an image holds: an overview, its threads, its memory map and its descriptors. */
public final class ImageEditor extends ReadOnlyEditor {

    public static final String ID = "org.snapback.ui.image";

    private static final String FILE_SCHEME = "file";

    private Path file;
    private Composite parent;

    @Override
    public void init(IEditorSite site, IEditorInput input) {
        super.init(site, input);
        file = fileOf(input);
    }

    /** Null: what is to be opened is no local file. */
    private static Path fileOf(IEditorInput input) {
        IPathEditorInput path = Adapters.adapt(input, IPathEditorInput.class);
        if (path != null && path.getPath() != null) {
            return path.getPath().toPath();
        }
        IURIEditorInput uri = Adapters.adapt(input, IURIEditorInput.class);
        return uri != null && FILE_SCHEME.equals(uri.getURI().getScheme()) ? Path.of(uri.getURI()) : null;
    }

    @Override
    public void createPartControl(Composite control) {
        parent = new Composite(control, SWT.NONE);
        PlatformUI.getWorkbench().getHelpSystem().setHelp(parent, "org.snapback.ui.image");
        if (file == null) {
            showMessage(Messages.imageNoFile);
            return;
        }
        showMessage(Messages.bind(Messages.imageReading, file));
        ICoreRunnable read = monitor -> read();
        Job.createSystem(Messages.bind(Messages.imageReading, file), read).schedule();
    }

    private void read() {
        Consumer<Composite> content;
        try {
            ImageFile image = ImageFile.read(file);
            KnownImages.get().add(file);
            content = shown -> showPages(image);
        } catch (IOException e) {
            content = shown -> showMessage(e.getMessage());
        }
        Consumer<Composite> found = content;
        PlatformUI.getWorkbench().getDisplay().asyncExec(() -> {
            if (!parent.isDisposed()) {
                found.accept(parent);
            }
        });
    }

    private void clear() {
        for (var child : parent.getChildren()) {
            child.dispose();
        }
    }

    private void showMessage(String text) {
        clear();
        GridLayoutFactory.fillDefaults().margins(10, 10).applyTo(parent);
        Label message = new Label(parent, SWT.WRAP);
        message.setText(text);
        GridDataFactory.fillDefaults().grab(true, false).applyTo(message);
        parent.layout(true, true);
    }

    private void showPages(ImageFile image) {
        clear();
        GridLayoutFactory.fillDefaults().applyTo(parent);
        CTabFolder tabs = new CTabFolder(parent, SWT.BOTTOM | SWT.FLAT);
        GridDataFactory.fillDefaults().grab(true, true).applyTo(tabs);
        page(tabs, Messages.pageOverview, page -> new OverviewPage(page, image));
        page(tabs, Messages.pageThreads, page -> new ThreadsPage(page, image.facts()));
        page(tabs, Messages.pageMemory, page -> MemoryPage.fill(page, image.facts()));
        page(tabs, Messages.pageDescriptors, page -> DescriptorsPage.fill(page, image.facts()));
        tabs.setSelection(0);
        parent.layout(true, true);
    }

    private static void page(CTabFolder tabs, String name, Consumer<Composite> fill) {
        Composite page = new Composite(tabs, SWT.NONE);
        fill.accept(page);
        CTabItem item = new CTabItem(tabs, SWT.NONE);
        item.setText(name);
        item.setControl(page);
    }

    @Override
    public void setFocus() {
        parent.setFocus();
    }
}
